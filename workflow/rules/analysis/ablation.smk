VARIANTS = {variants.name_variant(variant): variant for variant in variants.list_variants(config)}


rule ablate:
    """Score one variant of the filter on the predictions of the run."""
    input:
        labels=expand_test_cases(LABEL),
        kidneys=expand_test_cases("<results>/{split}predictions/{case}/kidney.nii.gz"),
        tumors=expand_test_cases("<results>/{split}predictions/{case}/tumor.nii.gz"),
        components="<results>/tumor_components.tsv",
        splits=expand("<results>/{split}split.tsv", split=COHORT.splits) if RANGE_SPLIT else [],
    output:
        "<results>/ablation/{variant}.tsv",
    log:
        "<logs>/ablate/{variant}.log",
    benchmark:
        "<benchmarks>/ablate/{variant}.tsv"
    wildcard_constraints:
        variant="|".join(map(re.escape, VARIANTS)),
    conda:
        "../../../envs/imaging.yaml"
    resources:
        **request(mem_mb=2000, runtime=30),
    params:
        **use_script("ablate"),
        predictions=lambda wildcards, input: [os.path.dirname(path) for path in input.kidneys],
        options=lambda wildcards: list_options("postprocess", "ratio_cases", "ratio_unit")
        + configuration.make_options(vars(VARIANTS[wildcards.variant])),
    shell:
        run_script(
            "--predictions {params.predictions:q} --labels {input.labels:q} --components {input.components:q}"
            " {params.options:q} --output {output:q}"
        )


rule summarize_ablation:
    """Compare the Dice of each variant of the filter with that of the configured one, in a table and a figure."""
    input:
        variants=expand("<results>/ablation/{variant}.tsv", variant=VARIANTS),
    output:
        table=show_in_report(
            "<results>/ablation.tsv", "ablation_table", "3. Ablation", "Dice under each variant (table)"
        ),
        figure=show_in_report(
            "<results>/figures/ablation.png", "ablation", "3. Ablation", "each constraint off, and sweeps"
        ),
        vector="<results>/figures/ablation.svg",
    log:
        "<logs>/summarize_ablation.log",
    localrule: True
    conda:
        "../../../envs/imaging.yaml"
    params:
        **use_script("summarize_ablation"),
        options=list_options("statistics", "seed") + ["--source", COHORT.source],
    shell:
        run_script(
            "--variants {input.variants:q} {params.options:q} --output {output.table:q}"
            " --figure {output.figure:q} {output.vector:q}"
        )


rule summarize_criteria:
    """Compare criteria by which a filter could tell the networks' true tumors from the false ones."""
    input:
        labels=expand_test_cases(LABEL),
        kidneys=expand_test_cases("<results>/{split}predictions/{case}/kidney.nii.gz"),
        tumors=expand_test_cases("<results>/{split}predictions/{case}/tumor.nii.gz"),
    output:
        show_in_report("<results>/criteria.tsv", "criteria", "3. Ablation", "criteria for tumor candidates (table)"),
    log:
        "<logs>/summarize_criteria.log",
    benchmark:
        "<benchmarks>/summarize_criteria.tsv"
    conda:
        "../../../envs/imaging.yaml"
    threads: 4  # as many cases at once, each of which takes up to 1 GB
    resources:
        **request(mem_mb=4000, runtime=30),
    params:
        **use_script("summarize_criteria"),
        predictions=lambda wildcards, input: [os.path.dirname(path) for path in input.kidneys],
        options=list_options("postprocess", "kidney_components", "min_component_voxels")
        + list_options("statistics", "seed")
        + ["--source", COHORT.source],
    shell:
        run_script(
            "--predictions {params.predictions:q} --labels {input.labels:q} {params.options:q} --threads {threads}"
            " --output {output:q}"
        )
