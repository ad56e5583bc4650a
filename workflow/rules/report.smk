rule write_first_page:
    # What the report opens on. It has no parameters that decide no result, so that they rerun nothing.
    input:
        **code("write_first_page"),
        tables=expand("<results>/{name}.tsv", name=["effect", "dice", "summary", "ceiling_summary"]),
        figures=expand("<results>/figures/{name}.svg", name=["fig3", "ablation"]),
        records=expand("<results>/{split}models/{network}.json", split=FOLDERS, network=targets.NETWORKS),
        style=os.path.relpath(WORKFLOW / "report" / "style.css"),
    output:
        "<results>/first_page.html",
    log:
        "<logs>/write_first_page.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    params:
        folder=subpath(output[0], parent=True),
        name=config["run"],
        source="phantom" if config["data"]["source"] == "phantom" else "kits19",
        changes=json.dumps(configuration.list_changes(config, WORKFLOW.parent / "config" / "config.yaml")),
        deviations=configuration.list_deviations(config, PAPER_VALUES),
    shell:
        "python3 {input.script:q} --results {params.folder:q} --name {params.name:q} --source {params.source:q}"
        " --records {input.records:q} --changes {params.changes:q} --deviations {params.deviations:q}"
        " --style {input.style:q} --output {output:q} 2>&1 | tee {log:q}"
