rule trace_ceiling:
    """Send a case's true masks through the method as if the networks were perfect. It needs no image and no GPU."""
    input:
        label=LABEL,
        ratio_range=FIRST_RATIO_RANGE if HAS_RANGE else [],
    output:
        table="<results>/ceiling/{case}.tsv",
        slice="<results>/ceiling/{case}.npz",
    log:
        "<logs>/trace_ceiling/{case}.log",
    benchmark:
        "<benchmarks>/trace_ceiling/{case}.tsv"
    conda:
        "../../../envs/imaging.yaml"
    resources:
        **request(mem_mb=2000, runtime=10),
    params:
        **use_script("trace_ceiling"),
        ratio_range=lambda wildcards, input: ["--ratio-range", input.ratio_range] if HAS_RANGE else [],
        options=list_options("slices", "size", "tumor_rows") + list_options("inference", "restore") + FILTER_OPTIONS,
    shell:
        run_script(
            "--case {wildcards.case} --label {input.label:q} {params.ratio_range:q} {params.options:q}"
            " --slice {output.slice:q} --output {output.table:q}"
        )


rule summarize_ceiling:
    """Collect and draw the oracle upper bound: what a perfect network would score after each step."""
    input:
        cases=expand("<results>/ceiling/{case}.tsv", case=COHORT.labeled) or GATE,
        slices=expand("<results>/ceiling/{case}.npz", case=COHORT.labeled),
    output:
        table=show_in_report(
            "<results>/ceiling.tsv",
            "ceiling_table",
            "2. Oracle upper bound",
            "Dice of each case after each step (table)",
        ),
        summary=show_in_report(
            "<results>/ceiling_summary.tsv", "ceiling_summary", "2. Oracle upper bound", "cost of each step (table)"
        ),
        figure=show_in_report("<results>/figures/ceiling.png", "ceiling", "2. Oracle upper bound", "Dice step by step"),
        cases=show_in_report(
            "<results>/figures/ceiling_cases.png", "ceiling_cases", "2. Oracle upper bound", "cases that lose most"
        ),
    log:
        "<logs>/summarize_ceiling.log",
    localrule: True
    conda:
        "../../../envs/imaging.yaml"
    params:
        **use_script("summarize_ceiling"),
        options=list_options("slices", "tumor_rows"),
    shell:
        run_script(
            "--cases {input.cases:q} --slices {input.slices:q} --output {output.table:q}"
            " --output-summary {output.summary:q} --figure {output.figure:q} --figure-cases {output.cases:q}"
            " {params.options:q}"
        )
