rule score:
    """Compute the Dice of a test case before and after the filter, and measure these masks and the true ones."""
    input:
        label=LABEL,
        kidney="<results>/{split}predictions/{case}/kidney.nii.gz",
        tumor="<results>/{split}predictions/{case}/tumor.nii.gz",
        segmentation="<results>/{split}segmentations/{case}.nii.gz",
    output:
        scores="<results>/{split}scores/{case}.tsv",
        measures="<results>/{split}morphometry/{case}.tsv",
    log:
        "<logs>/{split}score/{case}.log",
    benchmark:
        "<benchmarks>/{split}score/{case}.tsv"
    conda:
        "../../../envs/imaging.yaml"
    resources:
        **request(mem_mb=1000, runtime=10),
    params:
        **use_script("score"),
        options=list_options("postprocess", "min_component_voxels"),
    shell:
        run_script(
            "--case {wildcards.case} --label {input.label:q} --kidney {input.kidney:q} --tumor {input.tumor:q}"
            " --segmentation {input.segmentation:q} {params.options:q} --output-measures {output.measures:q}"
            " --output {output.scores:q}"
        )


rule summarize:
    """Summarize the scores of all test cases, test the effect of the filter, and check the paper's claims."""
    input:
        scores=expand_test_cases("<results>/{split}scores/{case}.tsv"),
        splits=expand("<results>/{split}split.tsv", split=COHORT.splits),
        records=expand(f"<results>/{COHORT.splits[0]}models/{{network}}.json", network=targets.NETWORKS),
        ratio_range=FIRST_RATIO_RANGE,
    output:
        show_in_report("<results>/summary.tsv", "summary", "1. Results", "the paper's claims (table)"),
        show_in_report("<results>/dice.tsv", "dice", "1. Results", "Dice over the cases (table)"),
        show_in_report("<results>/effect.tsv", "effect", "1. Results", "effect of post-processing (table)"),
        show_in_report("<results>/scores.tsv", "scores", "1. Results", "Dice of each case (table)"),
    log:
        "<logs>/summarize.log",
    localrule: True
    conda:
        "../../../envs/imaging.yaml"
    params:
        **use_script("summarize", paper=RESOURCES / "paper_claims.tsv"),
        folder=subpath(output[0], parent=True),
        source=COHORT.source,
        deviations=configuration.list_deviations(config),
        options=list_options("statistics", "seed"),
    shell:
        run_script(
            "--scores {input.scores:q} --splits {input.splits:q} --records {input.records:q}"
            " --ratio-range {input.ratio_range:q} --paper {params.paper:q} --source {params.source:q}"
            " --deviations {params.deviations:q} {params.options:q} --output {params.folder:q}"
        )


rule plot_dice:
    """Draw Figure 3, the Dice before and after the filter, and a plot of the same cases in pairs."""
    input:
        scores="<results>/scores.tsv",
        effect="<results>/effect.tsv",
    output:
        show_in_report("<results>/figures/fig3.png", "fig3", "1. Results", "Fig. 3: Dice before and after"),
        multiext("<results>/figures/fig3", ".svg", ".pdf"),
        pairs=show_in_report("<results>/figures/pairs.png", "pairs", "1. Results", "each case before and after"),
    log:
        "<logs>/plot_dice.log",
    localrule: True
    conda:
        "../../../envs/imaging.yaml"
    params:
        **use_script("plot_dice"),
        fig3=lambda wildcards, output: output[:3],
        source=COHORT.source,
    shell:
        run_script(
            "--scores {input.scores:q} --effect {input.effect:q} --output {params.fig3:q}"
            " --source {params.source:q} --output-pairs {output.pairs:q}"
        )


rule plot_references:
    """Draw the Dice after the filter beside results that others have published."""
    input:
        scores="<results>/scores.tsv",
    output:
        show_in_report("<results>/figures/references.png", "references", "1. Results", "beside published results"),
        "<results>/figures/references.svg",
    log:
        "<logs>/plot_references.log",
    localrule: True
    conda:
        "../../../envs/imaging.yaml"
    params:
        **use_script("plot_references", references=RESOURCES / "references.tsv"),
        source=COHORT.source,
    shell:
        run_script(
            "--scores {input.scores:q} --references {params.references:q} --source {params.source:q}"
            " --output {output:q}"
        )
