rule trace_labels:
    """Send the true masks through the method as if the networks were perfect. It needs no image and no GPU."""
    input:
        labels=expand(LABEL, case=COHORT.labeled) or GATE,
        ratio_range=FIRST_RATIO_RANGE if HAS_RANGE else [],
    output:
        table=show_in_report(
            "<results>/trace.tsv",
            "trace_table",
            "2. True masks",
            "Dice of each case after each step (table)",
        ),
        slices="<results>/trace.npz",
    log:
        "<logs>/trace_labels.log",
    benchmark:
        "<benchmarks>/trace_labels.tsv"
    conda:
        "../../../envs/imaging.yaml"
    threads: LABEL_THREADS  # as many volumes at once, each of which takes up to 1.2 GB
    resources:
        **request(mem_mb=5000, runtime=30),
    params:
        **use_script("trace_labels"),
        root=leave_unrecorded(COHORT.root),
        cases=COHORT.labeled,
        ratio_range=lambda wildcards, input: ["--ratio-range", input.ratio_range] if HAS_RANGE else [],
        options=list_options("slices", "size", "tumor_rows") + list_options("inference", "restore") + FILTER_OPTIONS,
    shell:
        run_script(
            "--root {params.root:q} --cases {params.cases:q} {params.ratio_range:q} {params.options:q}"
            " --threads {threads} --slices {output.slices:q} --output {output.table:q}"
        )


rule summarize_traces:
    """Summarize and draw the score of the true masks after each step of the method."""
    input:
        trace="<results>/trace.tsv",
        slices="<results>/trace.npz",
    output:
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
            "--trace {input.trace:q} --slices {input.slices:q} --output {output.summary:q} --figure {output.figure:q} --figure-cases {output.cases:q}"
            " {params.options:q}"
        )
