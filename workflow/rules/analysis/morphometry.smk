rule measure_labels:
    """Measure the kidneys and tumors of the labels, which needs no network."""
    input:
        labels=expand(LABEL, case=COHORT.labeled) or GATE,
    output:
        table="<results>/measures.tsv",
        slices="<results>/measures.npz",
    log:
        "<logs>/measure_labels.log",
    benchmark:
        "<benchmarks>/measure_labels.tsv"
    conda:
        "../../../envs/imaging.yaml"
    threads: LABEL_THREADS  # as many volumes at once, each of which takes up to 0.3 GB
    resources:
        **request(mem_mb=2000, runtime=30),
    params:
        **use_script("measure_labels"),
        root=leave_unrecorded(COHORT.root),
        cases=COHORT.labeled,
        options=list_options("postprocess", "min_component_voxels"),
    shell:
        run_script(
            "--root {params.root:q} --cases {params.cases:q} {params.options:q} --threads {threads}"
            " --slices {output.slices:q} --output {output.table:q}"
        )


rule summarize_morphometry:
    """Compare the measures of the networks' masks with the truth and the stated sizes, over all cases."""
    input:
        cases=expand_test_cases("<results>/{split}morphometry/{case}.tsv"),
        measures="<results>/measures.tsv",
        scores="<results>/scores.tsv",
        record=RECORD_TABLE,
    output:
        table=show_in_report(
            "<results>/morphometry.tsv", "morphometry", "4. Morphometry", "all measures of all cases (table)"
        ),
        agreement=show_in_report(
            "<results>/morphometry_agreement.tsv",
            "morphometry_agreement",
            "4. Morphometry",
            "agreement of the networks' masks (table)",
        ),
        figure=show_in_report(
            "<results>/figures/tumor_volume.png", "tumor_volume", "4. Morphometry", "tumor volume, Bland-Altman plot"
        ),
        errors=show_in_report(
            "<results>/figures/diameter_error.png", "diameter_error", "4. Morphometry", "error of the diameter by Dice"
        ),
    log:
        "<logs>/summarize_morphometry.log",
    localrule: True
    conda:
        "../../../envs/imaging.yaml"
    params:
        **use_script("summarize_morphometry"),
        record=lambda wildcards, input: ["--record", *input.record] if RECORD_TABLE else [],
        options=list_options("statistics", "seed") + ["--source", COHORT.source],
    shell:
        run_script(
            "--cases {input.cases:q} --measures {input.measures:q} --scores {input.scores:q} {params.record:q}"
            " {params.options:q} --output {output.table:q} --output-agreement {output.agreement:q}"
            " --figure {output.figure:q} --figure-errors {output.errors:q}"
        )
