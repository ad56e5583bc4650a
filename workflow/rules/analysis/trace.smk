rule trace_label:
    """Send a case's true masks through the method as if the networks were perfect. It needs no image and no GPU."""
    input:
        label=LABEL,
        ratio_range=FIRST_RATIO_RANGE if HAS_RANGE else [],
    output:
        table="<results>/trace/{case}.tsv",
        slice="<results>/trace/{case}.npz",
    log:
        "<logs>/trace_label/{case}.log",
    benchmark:
        "<benchmarks>/trace_label/{case}.tsv"
    conda:
        "../../../envs/imaging.yaml"
    resources:
        **request(mem_mb=2000, runtime=10),
    params:
        **use_script("trace_label"),
        ratio_range=lambda wildcards, input: ["--ratio-range", input.ratio_range] if HAS_RANGE else [],
        options=list_options("slices", "size", "tumor_rows") + list_options("inference", "restore") + FILTER_OPTIONS,
    shell:
        run_script(
            "--case {wildcards.case} --label {input.label:q} {params.ratio_range:q} {params.options:q}"
            " --slice {output.slice:q} --output {output.table:q}"
        )


rule summarize_traces:
    """Collect and draw the score of the true masks after each step of the method."""
    input:
        cases=expand("<results>/trace/{case}.tsv", case=COHORT.labeled) or GATE,
        slices=expand("<results>/trace/{case}.npz", case=COHORT.labeled),
    output:
        table=show_in_report(
            "<results>/trace.tsv",
            "trace_table",
            "2. True masks",
            "Dice of each case after each step (table)",
        ),
        summary=show_in_report(
            "<results>/trace_summary.tsv", "trace_summary", "2. True masks", "cost of each step (table)"
        ),
        figure=show_in_report("<results>/figures/trace.png", "trace", "2. True masks", "Dice step by step"),
        cases=show_in_report(
            "<results>/figures/trace_cases.png", "trace_cases", "2. True masks", "cases that lose most"
        ),
    log:
        "<logs>/summarize_traces.log",
    localrule: True
    conda:
        "../../../envs/imaging.yaml"
    params:
        **use_script("summarize_traces"),
        options=list_options("slices", "tumor_rows") + list_options("statistics", "seed") + ["--source", COHORT.source],
    shell:
        run_script(
            "--cases {input.cases:q} --slices {input.slices:q} --output {output.table:q}"
            " --output-summary {output.summary:q} --figure {output.figure:q} --figure-cases {output.cases:q}"
            " {params.options:q}"
        )
