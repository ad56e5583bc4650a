rule score:
    input:
        label="<cohort>/{case}/segmentation.nii.gz",
        kidney="<results>/predictions/{case}/kidney.nii.gz",
        tumor="<results>/predictions/{case}/tumor.nii.gz",
        segmentation="<results>/segmentations/{case}.nii.gz",
        script=script("score"),
        modules=modules("scoring", "nifti"),
    output:
        "<results>/scores/{case}.tsv",
    log:
        "<logs>/score/{case}.log",
    conda:
        "../../envs/imaging.yaml"
    shell:
        "python3 {input.script:q} --case {wildcards.case} --label {input.label:q} --kidney {input.kidney:q}"
        " --tumor {input.tumor:q} --segmentation {input.segmentation:q} --output {output:q} 2>&1 | tee {log:q}"


rule summarize:
    input:
        scores=expand("<results>/scores/{case}.tsv", case=TEST_CASES),
        split="<results>/split.tsv",
        paper=PAPER,
        script=script("summarize"),
        modules=modules("scoring"),
    output:
        scores=report(
            "<results>/scores.tsv",
            caption="../report/scores.rst",
            category="Results",
        ),
        summary=report(
            "<results>/summary.tsv",
            caption="../report/summary.rst",
            category="Results",
        ),
    log:
        "<logs>/summarize.log",
    conda:
        "../../envs/imaging.yaml"
    shell:
        "python3 {input.script:q} --scores {input.scores:q} --paper {input.paper:q} --output-scores {output.scores:q}"
        " --output-summary {output.summary:q} 2>&1 | tee {log:q}"


rule plot_dice:
    input:
        scores="<results>/scores.tsv",
        script=script("plot_dice"),
        modules=modules("figures"),
    output:
        report(
            "<results>/figures/fig3.png",
            caption="../report/fig3.rst",
            category="Results",
        ),
        multiext("<results>/figures/fig3", ".svg", ".pdf"),
    log:
        "<logs>/plot_dice.log",
    conda:
        "../../envs/imaging.yaml"
    shell:
        "python3 {input.script:q} --scores {input.scores:q} --output {output:q} 2>&1 | tee {log:q}"
