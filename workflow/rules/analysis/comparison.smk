# This run and other segmentations of its test cases, scored alike.


rule compare_case:
    """Score a test case as one method segments it."""
    input:
        label=LABEL,
        image=IMAGE,
        segmentations=find_compared,
    output:
        "<results>/comparison/{method}/{case}.tsv",
    log:
        "<logs>/compare_case/{method}/{case}.log",
    benchmark:
        "<benchmarks>/compare_case/{method}/{case}.tsv"
    wildcard_constraints:
        method="|".join(map(re.escape, COMPARED)),
    conda:
        "../../../envs/imaging.yaml"
    resources:
        **request(mem_mb=1000, runtime=10),
    params:
        **use_script("compare_case"),
        options=describe_compared,
        stamps=stamp_compared,
    shell:
        run_script(
            "--method {wildcards.method:q} --case {wildcards.case} --label {input.label:q} --image {input.image:q}"
            " --prediction {input.segmentations:q} {params.options:q} --output {output:q}"
        )


rule summarize_comparison:
    """Compare each method with this run over the test cases, in tables and a figure."""
    input:
        require_methods,
        cases=expand("<results>/comparison/{method}/{case}.tsv", method=COMPARED, case=TEST_CASES) or GATE,
    output:
        table=show_in_report(
            "<results>/comparison.tsv", "comparison_cases", "9. Comparison", "scores of each case (table)"
        ),
        summary=show_in_report(
            "<results>/comparison_summary.tsv", "comparison_summary", "9. Comparison", "scores over the cases (table)"
        ),
        differences=show_in_report(
            "<results>/comparison_differences.tsv",
            "comparison_differences",
            "9. Comparison",
            "each method minus this run (table)",
        ),
        figure=show_in_report(
            "<results>/figures/comparison.png", "comparison", "9. Comparison", "Dice and surface Dice of each method"
        ),
        vector="<results>/figures/comparison.svg",
    log:
        "<logs>/summarize_comparison.log",
    localrule: True
    conda:
        "../../../envs/imaging.yaml"
    params:
        **use_script("summarize_comparison"),
        folder=lambda wildcards, output: f"{os.path.dirname(output.table)}/comparison",
        names=COMPARED,
        tested=TEST_CASES,
        options=list_options("statistics", "seed"),
    shell:
        run_script(
            "--folder {params.folder:q} --methods {params.names:q} --cases {params.tested} {params.options:q}"
            " --output {output.table:q} --output-summary {output.summary:q} --output-differences {output.differences:q}"
            " --figure {output.figure:q} {output.vector:q}"
        )
