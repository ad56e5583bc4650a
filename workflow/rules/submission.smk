# KiTS19's hidden cases, which have images and no labels, segmented and packed for the challenge.


rule pack_submission:
    """Pack the segmentations of KiTS19's hidden cases into an archive as the challenge takes it."""
    input:
        lambda wildcards: require_hidden(wildcards) and require_models(*list(COHORT.hidden)[:1]),
        segmentations=require_hidden,
    output:
        "<results>/submission.zip",
    log:
        "<logs>/pack_submission.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    params:
        **use_script("pack_submission"),
    shell:
        run_script("--segmentations {input.segmentations:q} --output {output:q}")
