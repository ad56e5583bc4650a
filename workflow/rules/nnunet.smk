# The run's cases and splits as nnU-Net v2 takes them. 719 is no dataset that nnU-Net itself knows.
NNUNET_DATASET = "Dataset719_KidneyTumor"


rule link_nnunet_cases:
    # Images and labels are no outputs: Snakemake sets the times of its outputs, and a hard link's are the cohort's.
    input:
        require_cohort,
        checked="<results>/cohort.tsv",
        volumes=expand([IMAGE, LABEL], case=COMPLETE),
    output:
        f"<results>/nnunet/nnUNet_raw/{NNUNET_DATASET}/dataset.json",
    log:
        "<logs>/link_nnunet_cases.log",
    conda:
        "../../envs/imaging.yaml"
    resources:
        **grow(mem_mb=3000, runtime=60),
    params:
        **run_script("link_nnunet_cases"),
        root=leave_unrecorded(COHORT),
        cases=CASES,
        description=f"run {config['run']}: {'phantoms, no patients' if IS_PHANTOM else 'kidney tumors in CT'}",
        folder=subpath(output[0], parent=True),
    shell:
        "python3 {params.script:q} --root {params.root:q} --cases {params.cases:q} --description {params.description:q} --output {params.folder:q}"
        " 2>&1 | keep_log {log:q}"


rule write_nnunet_splits:
    # nnU-Net copies the first file where it preprocesses, but for an existing one; training reads the second.
    input:
        splits=expand("<results>/{split}split.tsv", split=FOLDERS),
    output:
        f"<results>/nnunet/nnUNet_raw/{NNUNET_DATASET}/splits_final.json",
        f"<results>/nnunet/nnUNet_preprocessed/{NNUNET_DATASET}/splits_final.json",
    log:
        "<logs>/write_nnunet_splits.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    params:
        **run_script("write_nnunet_splits"),
    shell:
        "python3 {params.script:q} --splits {input.splits:q} --output {output:q} 2>&1 | keep_log {log:q}"
