rule score:
    input:
        label=LABEL,
        kidney="<results>/{split}predictions/{case}/kidney.nii.gz",
        tumor="<results>/{split}predictions/{case}/tumor.nii.gz",
        segmentation="<results>/{split}segmentations/{case}.nii.gz",
    output:
        "<results>/{split}scores/{case}.tsv",
    log:
        "<logs>/{split}score/{case}.log",
    benchmark:
        "<benchmarks>/{split}score/{case}.tsv"
    conda:
        "../../../envs/imaging.yaml"
    resources:
        **grow(mem_mb=1000, runtime=10),
    params:
        **run_script("score"),
    shell:
        "python3 {params.script:q} --case {wildcards.case} --label {input.label:q} --kidney {input.kidney:q}"
        " --tumor {input.tumor:q} --segmentation {input.segmentation:q} --output {output:q} 2>&1 | keep_log {log:q}"


rule summarize:
    input:
        scores=expand_test_cases("<results>/{split}scores/{case}.tsv"),
        splits=expand("<results>/{split}split.tsv", split=FOLDERS),
        records=expand(f"<results>/{FOLDERS[0]}models/{{network}}.json", network=targets.NETWORKS),
        ratio_range=FIRST_RATIO_RANGE,
    output:
        report(
            "<results>/summary.tsv",
            caption="../../report/summary.rst",
            category="1. Results",
            labels={"what": "the paper's claims (table)"},
        ),
        report(
            "<results>/dice.tsv",
            caption="../../report/dice.rst",
            category="1. Results",
            labels={"what": "Dice over the cases (table)"},
        ),
        report(
            "<results>/effect.tsv",
            caption="../../report/effect.rst",
            category="1. Results",
            labels={"what": "effect of post-processing (table)"},
        ),
        report(
            "<results>/scores.tsv",
            caption="../../report/scores.rst",
            category="1. Results",
            labels={"what": "Dice of each case (table)"},
        ),
    log:
        "<logs>/summarize.log",
    localrule: True
    conda:
        "../../../envs/imaging.yaml"
    params:
        **run_script("summarize", paper=RESOURCES / "paper_claims.tsv"),
        folder=subpath(output[0], parent=True),
        source=SOURCE,
        deviations=configuration.list_deviations(config),
        options=list_options("statistics", "seed"),
    shell:
        "python3 {params.script:q} --scores {input.scores:q} --splits {input.splits:q} --records {input.records:q}"
        " --ratio-range {input.ratio_range:q} --paper {params.paper:q} --source {params.source:q}"
        " --deviations {params.deviations:q} {params.options:q} --output {params.folder:q} 2>&1 | keep_log {log:q}"


rule plot_dice:
    input:
        scores="<results>/scores.tsv",
        effect="<results>/effect.tsv",
    output:
        report(
            "<results>/figures/fig3.png",
            caption="../../report/fig3.rst",
            category="1. Results",
            labels={"what": "Fig. 3: Dice before and after"},
        ),
        multiext("<results>/figures/fig3", ".svg", ".pdf"),
        pairs=report(
            "<results>/figures/pairs.png",
            caption="../../report/pairs.rst",
            category="1. Results",
            labels={"what": "each case before and after"},
        ),
    log:
        "<logs>/plot_dice.log",
    localrule: True
    conda:
        "../../../envs/imaging.yaml"
    params:
        **run_script("plot_dice"),
        fig3=lambda wildcards, output: output[:3],
    shell:
        "python3 {params.script:q} --scores {input.scores:q} --effect {input.effect:q} --output {params.fig3:q}"
        " --output-pairs {output.pairs:q} 2>&1 | keep_log {log:q}"


rule plot_references:
    input:
        scores="<results>/scores.tsv",
    output:
        report(
            "<results>/figures/references.png",
            caption="../../report/references.rst",
            category="1. Results",
            labels={"what": "beside published results"},
        ),
        "<results>/figures/references.svg",
    log:
        "<logs>/plot_references.log",
    localrule: True
    conda:
        "../../../envs/imaging.yaml"
    params:
        **run_script("plot_references", references=RESOURCES / "references.tsv"),
        source=SOURCE,
    shell:
        "python3 {params.script:q} --scores {input.scores:q} --references {params.references:q} --source {params.source:q}"
        " --output {output:q} 2>&1 | keep_log {log:q}"
