# The percentiles and the unit reach the filter through the range of ratios that follows from them.
FILTER_OPTIONS = list_options("postprocess", without=["percentiles", "ratio_cases", "ratio_unit"])
HAS_RANGE = config["postprocess"]["percentiles"] is not None

# Each split has its own range of ratios if only the tumors of its training cases count.
RANGE_SPLIT = "{split}" if config["postprocess"]["ratio_cases"] == "train" else ""
RATIO_RANGE = f"<results>/{RANGE_SPLIT}ratio_range.json"
FIRST_RATIO_RANGE = RATIO_RANGE.replace("{split}", COHORT.splits[0])


rule measure_tumors:
    """Measure each component of the labeled tumors, whose ratios of eigenvalues the filter compares with."""
    input:
        require_cohort,
        labels=expand(LABEL, case=COHORT.labeled),
    output:
        show_in_report("<results>/tumor_components.tsv", "tumor_components", "8. Cohort", "tumor components (table)"),
    log:
        "<logs>/measure_tumors.log",
    benchmark:
        "<benchmarks>/measure_tumors.tsv"
    conda:
        "../../envs/imaging.yaml"
    threads: LABEL_THREADS  # as many volumes at once, each of which takes up to 0.8 GB
    resources:
        **request(mem_mb=4000, runtime=30),
    params:
        **use_script("measure_tumors"),
        root=leave_unrecorded(COHORT.root),
        cases=COHORT.cases,
        options=list_options("postprocess", "min_component_voxels"),
    shell:
        run_script(
            "--root {params.root:q} --cases {params.cases:q} {params.options:q} --threads {threads} --output {output:q}"
        )


rule ratio_range:
    """Derive the range of eigenvalue ratios that the filter accepts from the labeled tumors."""
    input:
        components="<results>/tumor_components.tsv",
    output:
        RATIO_RANGE,
    log:
        f"<logs>/{RANGE_SPLIT}ratio_range.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    params:
        **use_script("ratio_range"),
        cases=lambda wildcards: ["--cases", *COHORT.trained[wildcards.split]] if RANGE_SPLIT else [],
        options=list_options("postprocess", "percentiles", "ratio_unit"),
    shell:
        run_script("--components {input.components:q} {params.cases:q} {params.options:q} --output {output:q}")


rule postprocess:
    """Filter the raw masks of a case by anatomy and tumor shape, and merge them into its segmentation."""
    input:
        kidney="<results>/{split}predictions/{case}/kidney.nii.gz",
        tumor="<results>/{split}predictions/{case}/tumor.nii.gz",
        ratio_range=RATIO_RANGE if HAS_RANGE else [],
    output:
        segmentation="<results>/{split}segmentations/{case}.nii.gz",
        candidates="<results>/{split}segmentations/{case}_candidates.tsv",
    log:
        "<logs>/{split}postprocess/{case}.log",
    benchmark:
        "<benchmarks>/{split}postprocess/{case}.tsv"
    conda:
        "../../envs/imaging.yaml"
    resources:
        **request(mem_mb=1000, runtime=10),
    params:
        **use_script("postprocess"),
        ratio_range=lambda wildcards, input: ["--ratio-range", input.ratio_range] if HAS_RANGE else [],
        options=FILTER_OPTIONS,
    shell:
        run_script(
            "--kidney {input.kidney:q} --tumor {input.tumor:q} {params.ratio_range:q} {params.options:q}"
            " --candidates {output.candidates:q} --output {output.segmentation:q}"
        )
