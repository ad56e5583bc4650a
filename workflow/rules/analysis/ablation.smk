VARIANTS = [json.dumps(vars(variant)) for variant in variants.list_variants(config)]


rule ablate:
    """Score each variant of the filter on the predicted masks of a test case."""
    input:
        label=LABEL,
        kidney="<results>/{split}predictions/{case}/kidney.nii.gz",
        tumor="<results>/{split}predictions/{case}/tumor.nii.gz",
        components="<results>/tumor_components.tsv",
    output:
        "<results>/{split}ablation/{case}.tsv",
    log:
        "<logs>/{split}ablate/{case}.log",
    benchmark:
        "<benchmarks>/{split}ablate/{case}.tsv"
    conda:
        "../../../envs/imaging.yaml"
    resources:
        **request(mem_mb=2000, runtime=30),
    params:
        **use_script("ablate"),
        cases=lambda wildcards: ["--cases", *COHORT.trained[wildcards.split]] if RANGE_SPLIT else [],
        variants=VARIANTS,
        options=list_options("postprocess", "ratio_unit"),
    shell:
        run_script(
            "--case {wildcards.case} --label {input.label:q} --kidney {input.kidney:q} --tumor {input.tumor:q}"
            " --components {input.components:q} {params.cases:q} --variants {params.variants:q} {params.options:q}"
            " --output {output:q}"
        )


rule summarize_ablation:
    """Compare the Dice of each variant of the filter with that of the configured one, in a table and a figure."""
    input:
        cases=expand_test_cases("<results>/{split}ablation/{case}.tsv"),
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
            "--cases {input.cases:q} {params.options:q} --output {output.table:q}"
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
