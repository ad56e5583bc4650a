# The run's cases and splits as nnU-Net v2 takes them. 719 is no dataset that nnU-Net itself knows.
NNUNET_DATASET = "Dataset719_KidneyTumor"


rule link_nnunet_cases:
    """Lay out the cases as a dataset of nnU-Net v2, which can be compared on the same cases."""
    input:
        require_cohort,
        checked="<results>/cohort.tsv",
        volumes=expand([IMAGE, LABEL], case=COHORT.complete),
    output:
        # Neither images nor labels: Snakemake sets the times of its outputs, and a hard link's are the cohort's.
        f"<results>/nnunet/nnUNet_raw/{NNUNET_DATASET}/dataset.json",
    log:
        "<logs>/link_nnunet_cases.log",
    conda:
        "../../envs/imaging.yaml"
    resources:
        **request(mem_mb=3000, runtime=60),
    params:
        **use_script("link_nnunet_cases"),
        root=leave_unrecorded(COHORT.root),
        cases=COHORT.cases,
        description=f"run {config['run']}: {'phantoms, no patients' if COHORT.is_phantom else 'kidney tumors in CT'}",
        folder=subpath(output[0], parent=True),
    shell:
        run_script(
            "--root {params.root:q} --cases {params.cases:q} --description {params.description:q}"
            " --output {params.folder:q}"
        )


rule write_nnunet_splits:
    """Write the splits of the run as folds of nnU-Net v2, so that both train and test on the same cases."""
    input:
        splits=expand("<results>/{split}split.tsv", split=COHORT.splits),
    output:
        # nnU-Net copies the first file where it preprocesses, but for an existing one; training reads the second.
        f"<results>/nnunet/nnUNet_raw/{NNUNET_DATASET}/splits_final.json",
        f"<results>/nnunet/nnUNet_preprocessed/{NNUNET_DATASET}/splits_final.json",
    log:
        "<logs>/write_nnunet_splits.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    params:
        **use_script("write_nnunet_splits"),
    shell:
        run_script("--splits {input.splits:q} --output {output:q}")
