rule write_first_page:
    """Write the page on which the report opens."""
    input:
        tables=expand("<results>/{name}.tsv", name=["effect", "dice", "summary", "trace_summary"]),
        figures=expand("<results>/figures/{name}.svg", name=["fig3", "references", "ablation"]),
        records=expand("<results>/{split}models/{network}.json", split=COHORT.splits, network=targets.NETWORKS),
        viewers=expand_test_cases("<results>/{split}viewers/{case}.html"),
    output:
        "<results>/first_page.html",
    log:
        "<logs>/write_first_page.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    params:
        **use_script("write_first_page", template=RESOURCES / "first_page.html", style=WORKFLOW / "report/style.css"),
        # A key that decides a result repeats this rule through its inputs, and no other key should.
        changes=leave_unrecorded(json.dumps(configuration.list_changes(config))),
        folder=subpath(output[0], parent=True),
        name=config["run"],
        source=COHORT.source,
        deviations=configuration.list_deviations(config),
    shell:
        run_script(
            "--results {params.folder:q} --name {params.name:q} --source {params.source:q} --records {input.records:q}"
            " --changes {params.changes:q} --deviations {params.deviations:q} --viewers {input.viewers:q}"
            " --template {params.template:q} --style {params.style:q} --output {output:q}"
        )
