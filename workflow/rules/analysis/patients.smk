# The tumors' sizes and the patients' outcomes, from the labels and the clinical record: no image and no network.
PATIENTS = "5. Phantom patients" if COHORT.is_phantom else "5. Patients"


if COHORT.is_phantom:

    rule make_record:
        """Draw the clinical record of a phantom cohort, which takes the patients' place."""
        input:
            measures="<results>/measures.tsv",
        output:
            RECORD,
        log:
            "<logs>/make_record.log",
        localrule: True
        conda:
            "../../../envs/imaging.yaml"
        params:
            **use_script("make_record"),
            options=list_options("phantom", "seed"),
        shell:
            run_script("--measures {input.measures:q} {params.options:q} --output {output:q}")


rule read_record:
    """Check the clinical record before hours of work, and write its sizes and outcomes as a table."""
    input:
        require_record,
        record=RECORD,
        labels=expand(LABEL, case=COHORT.labeled) or GATE,
    output:
        "<results>/record.tsv",
    log:
        "<logs>/read_record.log",
    priority: 100
    localrule: True
    conda:
        "../../../envs/imaging.yaml"
    params:
        **use_script("read_record"),
        root=leave_unrecorded(COHORT.root),
        cases=COHORT.labeled,
    shell:
        run_script("--record {input.record:q} --root {params.root:q} --cases {params.cases:q} --output {output:q}")


rule summarize_agreement:
    """Compare the tumors' measured sizes with those that radiologist and pathologist state."""
    input:
        measures="<results>/measures.tsv",
        slices="<results>/measures.npz",
        record="<results>/record.tsv",
    output:
        table=show_in_report(
            "<results>/agreement.tsv",
            "agreement_table",
            PATIENTS,
            "agreement with radiologist and pathologist (table)",
        ),
        cases=show_in_report(
            "<results>/agreement_cases.tsv", "agreement_cases_table", PATIENTS, "cases outside the limits (table)"
        ),
        figure=show_in_report(
            "<results>/figures/agreement.png", "agreement", PATIENTS, "tumor size, Bland-Altman plots"
        ),
        drawn=show_in_report(
            "<results>/figures/agreement_cases.png", "agreement_cases", PATIENTS, "the three worst cases"
        ),
    log:
        "<logs>/summarize_agreement.log",
    localrule: True
    conda:
        "../../../envs/imaging.yaml"
    params:
        **use_script("summarize_agreement"),
        options=list_options("statistics", "seed") + ["--source", COHORT.source],
    shell:
        run_script(
            "--measures {input.measures:q} --slices {input.slices:q} --record {input.record:q}"
            " {params.options:q} --output {output.table:q} --output-cases {output.cases:q}"
            " --figure {output.figure:q} --figure-cases {output.drawn:q}"
        )


rule summarize_outcomes:
    """Measure the association of each tumor measure with each clinical outcome."""
    input:
        measures="<results>/measures.tsv",
        record="<results>/record.tsv",
    output:
        table=show_in_report("<results>/outcomes.tsv", "outcomes_table", PATIENTS, "measures and outcomes (table)"),
        figure=show_in_report("<results>/figures/outcomes.png", "outcomes", PATIENTS, "measures and outcomes"),
    log:
        "<logs>/summarize_outcomes.log",
    benchmark:
        "<benchmarks>/summarize_outcomes.tsv"
    conda:
        "../../../envs/imaging.yaml"
    resources:
        **request(mem_mb=2000, runtime=20),
    params:
        **use_script("summarize_outcomes"),
        options=list_options("statistics", "seed") + ["--source", COHORT.source],
    shell:
        run_script(
            "--measures {input.measures:q} --record {input.record:q} {params.options:q} --output {output.table:q}"
            " --figure {output.figure:q}"
        )


rule compare_operations:
    """Compare the association of the tumor's size with each outcome between partial and radical nephrectomy."""
    input:
        measures="<results>/measures.tsv",
        record="<results>/record.tsv",
    output:
        show_in_report("<results>/operations.tsv", "operations", PATIENTS, "size and outcome by operation (table)"),
    log:
        "<logs>/compare_operations.log",
    localrule: True
    conda:
        "../../../envs/imaging.yaml"
    params:
        **use_script("compare_operations"),
        options=list_options("statistics", "seed") + ["--source", COHORT.source],
    shell:
        run_script("--measures {input.measures:q} --record {input.record:q} {params.options:q} --output {output:q}")


rule plot_ratios:
    """Draw the eigenvalue ratios of the labeled tumors, with the accepted range and the paper's."""
    input:
        components="<results>/tumor_components.tsv",
        ratio_range=FIRST_RATIO_RANGE,
    output:
        show_in_report("<results>/figures/ratios.png", "ratios", PATIENTS, "eigenvalue ratios of the tumors"),
    log:
        "<logs>/plot_ratios.log",
    localrule: True
    conda:
        "../../../envs/imaging.yaml"
    params:
        **use_script("plot_ratios", paper=RESOURCES / "paper_claims.tsv"),
        source=COHORT.source,
    shell:
        run_script(
            "--components {input.components:q} --ratio-range {input.ratio_range:q} --paper {params.paper:q}"
            " --source {params.source:q} --output {output:q}"
        )
