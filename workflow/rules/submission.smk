# KiTS19's hidden cases, which have images and no labels, segmented and packed for the challenge.


rule pack_submission:
    input:
        lambda wildcards: require_hidden(wildcards) and require_models(wildcards),
        segmentations=require_hidden,
    output:
        "<results>/submission.zip",
    log:
        "<logs>/pack_submission.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    params:
        **run_script("pack_submission"),
    shell:
        "python3 {params.script:q} --segmentations {input.segmentations:q} --output {output:q} 2>&1 | keep_log {log:q}"
