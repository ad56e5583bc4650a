GPUS = int(config["device"] != "cpu")
CHOICES = {key: str(config[key]).lower() for key in ("device", "precision", "deterministic")}
DEVICE_OPTIONS = configuration.make_options(CHOICES)

# What a prediction writes into the folder of its case.
PREDICTED = [f"{network}.nii.gz" for network in targets.NETWORKS]
if config["inference"]["probabilities"]:
    PREDICTED += [f"{network}_probability.nii.gz" for network in targets.NETWORKS]


rule train:
    """Train the kidney or the tumor network of a split on the slices of its training cases."""
    input:
        slices=lambda wildcards: list_slices(COHORT.trained[wildcards.split]),
        gate=GATE,
    output:
        model="<results>/{split}models/{network}.safetensors",
        record="<results>/{split}models/{network}.json",
    log:
        "<logs>/{split}train/{network}.log",
    benchmark:
        "<benchmarks>/{split}train/{network}.tsv"
    priority: 50  # it takes longest; what needs labels only runs beside it, not before
    conda:
        "../../envs/torch.yaml"
    threads: config["cpu_threads"]
    resources:
        **request(mem_mb=16000, runtime=240),
        gpu=GPUS,
    params:
        **use_script("train"),
        slices=lambda wildcards, input: find_parent(input.slices, 2),
        loading=leave_unrecorded(config["training"]["loading"]),
        cases=lambda wildcards: COHORT.trained[wildcards.split],
        options=lambda wildcards: list_options("network")
        + list_options("training", without=["loading", "slices"])
        + ["--negatives", configuration.read_negatives(config["training"]["slices"], wildcards.network)]
        + list_options("slices", "hu_window", *(["tumor_rows"] if wildcards.network == "tumor" else []))
        + (list_options("inference", "threshold") if config["training"]["validation_cases"] else [])
        + DEVICE_OPTIONS,
    shell:
        # A signal to the whole job must reach the training, which saves its state, and not end the shell before.
        "trap : TERM INT; "
        + run_script(
            "--target {wildcards.network} --cases {params.cases:q} --slices {params.slices:q} --output {output.model:q}"
            " {params.options:q} --loading {params.loading} --threads {threads} --keep-state"
        )


rule plot_training:
    """Draw the loss and the learning rate of a training, which show whether it has converged."""
    input:
        record="<results>/{split}models/{network}.json",
    output:
        show_in_report("<results>/{split}models/{network}_training.png", "training", "9. Training", "{network} network"),
    log:
        "<logs>/{split}plot_training/{network}.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    params:
        **use_script("plot_training"),
    shell:
        run_script("--record {input.record:q} --output {output:q}")


rule predict:
    """Segment the slices of a case with both networks: the raw masks, which the filter reads."""
    input:
        slices=lambda wildcards: list_slices([wildcards.case]),
        kidney="<results>/{split}models/kidney.safetensors",
        tumor="<results>/{split}models/tumor.safetensors",
    output:
        multiext("<results>/{split}predictions/{case}/", *PREDICTED),
    log:
        "<logs>/{split}predict/{case}.log",
    benchmark:
        "<benchmarks>/{split}predict/{case}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: config["cpu_threads"]
    resources:
        **request(mem_mb=6000, runtime=60),
        gpu=GPUS,
    params:
        **use_script("predict"),
        slices=lambda wildcards, input: find_parent(input.slices, 2),
        case=lambda wildcards: wildcards.case,
        output=subpath(output[0], ancestor=2),
        options=list_options("inference") + DEVICE_OPTIONS,
    shell:
        run_script(
            "--slices {params.slices:q} --cases {params.case:q} --kidney-model {input.kidney:q}"
            " --tumor-model {input.tumor:q} --output {params.output:q} {params.options:q} --threads {threads}"
        )
