# What this cohort's labels show, on other cohorts and on further readings of the same labels: no image, no network.


rule measure_cohort:
    """Measure the labeled tumors of another cohort, on which the range of ratios is tried."""
    input:
        labels=lambda wildcards: mark_located(find_others(wildcards)[0].values()),
    output:
        "<results>/transfer/{name}.tsv",
    log:
        "<logs>/measure_cohort/{name}.log",
    benchmark:
        "<benchmarks>/measure_cohort/{name}.tsv"
    wildcard_constraints:
        name=cohort.make_pattern(OTHERS),
    conda:
        "../../../envs/imaging.yaml"
    threads: 4  # as many volumes at once, each of which takes up to 0.8 GB
    resources:
        **request(mem_mb=4000, runtime=30),
    params:
        **use_script("measure_cohort"),
        known=lambda wildcards: find_others(wildcards)[1],
        cases=lambda wildcards: list(find_others(wildcards)[0]),
        stamps=lambda wildcards: stamp_labels(find_others(wildcards)[0]),
        values=lambda wildcards: list_values(OTHERS[wildcards.name], "tumor"),
        options=list_options("postprocess", "min_component_voxels"),
    shell:
        run_script(
            "--labels {input.labels:q} --cases {params.cases:q} --left-out {params.known:q} {params.values:q}"
            " {params.options:q} --threads {threads} --output {output:q}"
        )


rule range_transfer:
    """Try the range of ratios of each cohort on the others, and on its own patients one by one."""
    input:
        own="<results>/tumor_components.tsv",
        others=expand("<results>/transfer/{name}.tsv", name=OTHERS),
    output:
        table=show_in_report(
            "<results>/range_transfer.tsv", "range_transfer_table", "9. Comparison", "tumors lost to ranges (table)"
        ),
        ranges=show_in_report(
            "<results>/ratio_ranges.tsv", "ratio_ranges", "9. Comparison", "range of each cohort (table)"
        ),
        figure=show_in_report(
            "<results>/figures/range_transfer.png", "range_transfer", "9. Comparison", "ranges and what they remove"
        ),
        vector="<results>/figures/range_transfer.svg",
    log:
        "<logs>/range_transfer.log",
    benchmark:
        "<benchmarks>/range_transfer.tsv"
    conda:
        "../../../envs/imaging.yaml"
    resources:
        **request(mem_mb=2000, runtime=10),
    params:
        **use_script("range_transfer"),
        names=[config["run"], *OTHERS],
        options=list_options("postprocess", "percentiles") + list_options("statistics", "seed"),
        source=COHORT.source,
    shell:
        run_script(
            "--components {input.own:q} {input.others:q} --names {params.names:q} {params.options:q}"
            " --source {params.source} --output {output.table:q} --output-ranges {output.ranges:q}"
            " --figure {output.figure:q} {output.vector:q}"
        )


rule measure_patients:
    """Measure the kidneys and tumors of another cohort, and read its clinical record."""
    input:
        labels=lambda wildcards: mark_located(find_others(wildcards)[0].values()),
        record=lambda wildcards: mark_located([find_record(OTHERS[wildcards.name])]),
    output:
        "<results>/patients/{name}.tsv",
    log:
        "<logs>/measure_patients/{name}.log",
    benchmark:
        "<benchmarks>/measure_patients/{name}.tsv"
    wildcard_constraints:
        name=cohort.make_pattern(RECORDED),
    conda:
        "../../../envs/imaging.yaml"
    threads: 4  # as many volumes at once, each of which takes up to 1 GB
    resources:
        **request(mem_mb=4000, runtime=30),
    params:
        **use_script("measure_patients"),
        cases=lambda wildcards: list(find_others(wildcards)[0]),
        stamps=lambda wildcards: stamp_labels(find_others(wildcards)[0]),
        values=lambda wildcards: list_values(OTHERS[wildcards.name], "kidney", "tumor"),
        options=list_options("postprocess", "min_component_voxels"),
    shell:
        run_script(
            "--labels {input.labels:q} --cases {params.cases:q} --record {input.record:q} {params.values:q}"
            " {params.options:q} --threads {threads} --output {output:q}"
        )


rule replicate_outcomes:
    """Put the associations of measures and outcomes in other cohorts beside those of this one."""
    input:
        require_records,
        outcomes="<results>/outcomes.tsv",
        patients=expand("<results>/patients/{name}.tsv", name=RECORDED),
    output:
        show_in_report("<results>/replication.tsv", "replication", "9. Comparison", "outcomes in other cohorts (table)"),
    log:
        "<logs>/replicate_outcomes.log",
    benchmark:
        "<benchmarks>/replicate_outcomes.tsv"
    conda:
        "../../../envs/imaging.yaml"
    resources:
        **request(mem_mb=2000, runtime=20),
    params:
        **use_script("replicate_outcomes"),
        names=RECORDED,
        options=list_options("statistics", "seed"),
    shell:
        run_script(
            "--outcomes {input.outcomes:q} --patients {input.patients:q} --names {params.names:q} {params.options:q}"
            " --output {output:q}"
        )


rule compare_reader:
    """Compare a second reading of the labels with the first, before and after the filter."""
    input:
        labels=lambda wildcards: mark_located(find_readings(wildcards).values()),
        firsts=lambda wildcards: expand(LABEL, case=find_readings(wildcards)),
        ratio_range=FIRST_RATIO_RANGE if HAS_RANGE else [],
    output:
        "<results>/readers/{name}.tsv",
    log:
        "<logs>/compare_reader/{name}.log",
    benchmark:
        "<benchmarks>/compare_reader/{name}.tsv"
    wildcard_constraints:
        name=cohort.make_pattern(READERS),
    conda:
        "../../../envs/imaging.yaml"
    threads: 4  # as many cases at once, each of which takes up to 1 GB
    resources:
        **request(mem_mb=4000, runtime=30),
    params:
        **use_script("compare_reader"),
        root=leave_unrecorded(COHORT.root),
        cases=lambda wildcards: list(find_readings(wildcards)),
        stamps=lambda wildcards: stamp_labels(find_readings(wildcards)),
        values=lambda wildcards: list_values(READERS[wildcards.name], "kidney", "tumor"),
        ratio_range=lambda wildcards, input: ["--ratio-range", input.ratio_range] if HAS_RANGE else [],
        options=FILTER_OPTIONS,
    shell:
        run_script(
            "--root {params.root:q} --cases {params.cases:q} --labels {input.labels:q} {params.values:q}"
            " {params.ratio_range:q} {params.options:q} --threads {threads} --output {output:q}"
        )


rule summarize_readers:
    """Summarize what the filter does to each second reading of the labels, and whether its verdict is the same."""
    input:
        require_readers,
        readers=expand("<results>/readers/{name}.tsv", name=READERS) or GATE,
    output:
        show_in_report("<results>/readers.tsv", "readers", "9. Comparison", "second readings and the filter (table)"),
    log:
        "<logs>/summarize_readers.log",
    localrule: True
    conda:
        "../../../envs/imaging.yaml"
    params:
        **use_script("summarize_readers"),
        options=list_options("statistics", "seed"),
    shell:
        run_script("--readers {input.readers:q} {params.options:q} --output {output:q}")
