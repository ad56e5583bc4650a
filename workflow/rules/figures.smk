rule plot_pipeline:
    """Draw Figure 1, the rules that led to Figure 3, after which it is drawn."""
    input:
        goal="<results>/figures/fig3.png",
    output:
        show_in_report("<results>/figures/fig1.png", "fig1", "6. Method", "Fig. 1: the pipeline"),
    log:
        "<logs>/plot_pipeline.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    params:
        **use_script("plot_pipeline"),
        edges=lambda wildcards: find_edges("plot_dice"),
    shell:
        run_script("--edges {params.edges:q} --output {output:q}")


rule plot_network:
    """Draw Figure 2, the levels of a trained network."""
    input:
        model=f"<results>/{COHORT.splits[0]}models/{{network}}.safetensors",
    output:
        show_in_report("<results>/figures/fig2_{network}.png", "fig2", "6. Method", "Fig. 2: the {network} network"),
    log:
        "<logs>/plot_network/{network}.log",
    localrule: True
    conda:
        "../../envs/torch.yaml"
    params:
        **use_script("plot_network"),
    shell:
        run_script("--model {input.model:q} --target {wildcards.network} --output {output:q}")


rule plot_surfaces:
    """Draw Figure 4, the surfaces of the case from which the filter removed most false positives."""
    input:
        scores="<results>/scores.tsv",  # which decide the case that is drawn, so every case is an input
        kidneys=expand_test_cases("<results>/{split}predictions/{case}/kidney.nii.gz"),
        tumors=expand_test_cases("<results>/{split}predictions/{case}/tumor.nii.gz"),
        segmentations=expand_test_cases("<results>/{split}segmentations/{case}.nii.gz"),
    output:
        show_in_report("<results>/figures/fig4.png", "fig4", "7. Cases", "Fig. 4: surfaces before and after"),
    log:
        "<logs>/plot_surfaces.log",
    benchmark:
        "<benchmarks>/plot_surfaces.tsv"
    conda:
        "../../envs/imaging.yaml"
    resources:
        **request(mem_mb=2500, runtime=10),
    params:
        **use_script("plot_surfaces"),
        run=subpath(input.scores, parent=True),
        source=COHORT.source,
    shell:
        run_script("--scores {input.scores:q} --run {params.run:q} --source {params.source:q} --output {output:q}")


rule plot_slice:
    """Draw the slice of a test case with the most tumor: true labels, before and after the filter."""
    input:
        slices=lambda wildcards: list_slices([wildcards.case]),
        kidney="<results>/{split}predictions/{case}/kidney.nii.gz",
        tumor="<results>/{split}predictions/{case}/tumor.nii.gz",
        segmentation="<results>/{split}segmentations/{case}.nii.gz",
    output:
        show_in_report("<results>/{split}figures/slices/{case}.png", "slice", "7. Cases", "{case}"),
    log:
        "<logs>/{split}plot_slice/{case}.log",
    benchmark:
        "<benchmarks>/{split}plot_slice/{case}.tsv"
    conda:
        "../../envs/imaging.yaml"
    resources:
        **request(mem_mb=2500, runtime=10),
    params:
        **use_script("plot_slice"),
        slices=lambda wildcards, input: find_parent(input.slices),
        options=list_options("slices", "hu_window", "tumor_rows") + ["--source", COHORT.source],
    shell:
        run_script(
            "--slices {params.slices:q} --kidney {input.kidney:q} --tumor {input.tumor:q}"
            " --segmentation {input.segmentation:q} {params.options:q} --output {output:q}"
        )


rule write_viewer:
    """Write a page on which a test case is looked at in a browser: image, masks, segmentation and truth."""
    input:
        image=IMAGE,
        label=LABEL,
        kidney="<results>/{split}predictions/{case}/kidney.nii.gz",
        tumor="<results>/{split}predictions/{case}/tumor.nii.gz",
        segmentation="<results>/{split}segmentations/{case}.nii.gz",
    output:
        page="<results>/{split}viewers/{case}.html",
    log:
        "<logs>/{split}write_viewer/{case}.log",
    benchmark:
        "<benchmarks>/{split}write_viewer/{case}.tsv"
    conda:
        "../../envs/imaging.yaml"
    resources:
        **request(mem_mb=3000, runtime=10),
    params:
        **use_script("write_viewer", template=RESOURCES / "viewer.html"),
        name=lambda wildcards: wildcards.case,
        further=lambda wildcards, input: ["--label", input.label]
        + (["--notes", "Phantom, not a patient."] if COHORT.is_phantom else []),
        options=list_options("slices", "hu_window"),
    shell:
        run_script(
            "--name {params.name:q} --image={input.image:q} --kidney {input.kidney:q} --tumor {input.tumor:q}"
            " --segmentation {input.segmentation:q} {params.further:q} {params.options:q}"
            " --template {params.template:q} --output {output.page:q}"
        )
