# KiTS19's hidden cases, which have images and no labels, segmented and packed for the challenge.


rule pack_submission:
    input:
        lambda wildcards: require_hidden(wildcards) and require_models(wildcards),
        **require_code("pack_submission"),
        segmentations=require_hidden,
    output:
        "<results>/submission.zip",
    log:
        "<logs>/pack_submission.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    shell:
        "python3 {input.script:q} --segmentations {input.segmentations:q} --output {output:q} 2>&1 | tee {log:q}"
