# Predictions scored against labels: two folders, and no image, network or split.


rule evaluate_case:
    """Score a case as one method segments it against its label, without an image."""
    input:
        truth=lambda wildcards: mark_located(TRUE_CASES[wildcards.case].files),
        prediction=lambda wildcards: mark_located(PREDICTED_CASES[wildcards.method][wildcards.case].files),
    output:
        scores="<results>/evaluation/{method}/{case}/scores.tsv",
        lesions="<results>/evaluation/{method}/{case}/lesions.tsv",
        views="<results>/evaluation/{method}/{case}/views.npz",
    log:
        "<logs>/evaluate_case/{method}/{case}.log",
    benchmark:
        "<benchmarks>/evaluate_case/{method}/{case}.tsv"
    wildcard_constraints:
        method="|".join(map(re.escape, EVALUATED)) or "(?!)",
        case=cohort.make_pattern(TRUE_CASES),
    conda:
        "../../../envs/imaging.yaml"
    resources:
        **request(mem_mb=1000, runtime=10),
    params:
        **use_script("evaluate_case"),
        files=describe_evaluated,
        options=list_options("evaluate", "both_empty", "kidney_tolerance_mm", "tumor_tolerance_mm")
        + list_options("postprocess", "min_component_voxels"),
        stamps=stamp_evaluated,
    shell:
        run_script(
            "--method {wildcards.method:q} --case={wildcards.case:q} --truth {input.truth:q}"
            " --prediction {input.prediction:q} {params.files:q} {params.options:q}"
            " --output {output.scores:q} --output-lesions {output.lesions:q} --output-views {output.views:q}"
        )


rule summarize_evaluation:
    """Summarize the scores of each method over all cases, test their differences, and draw them and the worst cases."""
    input:
        require_evaluation,
        scores=expand_evaluated("scores.tsv"),
        lesions=expand_evaluated("lesions.tsv"),
        views=expand_evaluated("views.npz"),
    output:
        table=show_in_report(
            "<results>/evaluation.tsv", "evaluation_cases", "10. Evaluation", "scores of each case (table)"
        ),
        lesions=show_in_report(
            "<results>/evaluation_lesions.tsv", "evaluation_lesions", "10. Evaluation", "each tumor (table)"
        ),
        summary=show_in_report(
            "<results>/evaluation_summary.tsv", "evaluation_summary", "10. Evaluation", "scores over the cases (table)"
        ),
        differences=show_in_report(
            "<results>/evaluation_differences.tsv",
            "evaluation_differences",
            "10. Evaluation",
            "each method minus the first (table)",
        ),
        detection=show_in_report(
            "<results>/evaluation_detection.tsv", "evaluation_detection", "10. Evaluation", "tumors found (table)"
        ),
        text="<results>/evaluation.txt",
        figure=show_in_report(
            "<results>/figures/evaluation.png", "evaluation", "10. Evaluation", "scores of each method"
        ),
        vector="<results>/figures/evaluation.svg",
        worst=show_in_report(
            "<results>/figures/evaluation_worst.png", "evaluation_worst", "10. Evaluation", "the worst cases"
        ),
    log:
        "<logs>/summarize_evaluation.log",
    localrule: True
    conda:
        "../../../envs/imaging.yaml"
    params:
        **use_script("summarize_evaluation"),
        folder=lambda wildcards, output: f"{os.path.dirname(output.table)}/evaluation",
        truth=lambda wildcards: str(TRUTH.folder),
        names=list(EVALUATED),
        cases=lambda wildcards: list(TRUE_CASES),  # which may have braces
        unmatched=lambda wildcards: list_unmatched_options(),
        options=list_options("statistics", "seed")
        + list_options("evaluate", "both_empty", "kidney_tolerance_mm", "tumor_tolerance_mm"),
    shell:
        run_script(
            "--folder {params.folder:q} --truth={params.truth:q} --methods {params.names:q} --cases {params.cases:q} {params.unmatched:q}"
            " {params.options:q} --output {output.table:q} --output-lesions {output.lesions:q}"
            " --output-summary {output.summary:q} --output-differences {output.differences:q}"
            " --output-detection {output.detection:q} --output-text {output.text:q}"
            " --figure {output.figure:q} {output.vector:q}"
            " --figure-worst {output.worst:q}"
        )
