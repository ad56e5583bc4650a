rule write_first_page:
    # The report opens on this page.
    input:
        **require_code("write_first_page"),
        tables=expand("<results>/{name}.tsv", name=["effect", "dice", "summary", "ceiling_summary"]),
        figures=expand("<results>/figures/{name}.svg", name=["fig3", "references", "ablation"]),
        records=expand("<results>/{split}models/{network}.json", split=FOLDERS, network=targets.NETWORKS),
        viewers=expand_test_cases("<results>/{split}viewers/{case}.html"),
        style=os.path.relpath(WORKFLOW / "report" / "style.css"),
    output:
        "<results>/first_page.html",
    log:
        "<logs>/write_first_page.log",
    localrule: True
    conda:
        "../../envs/imaging.yaml"
    resources:
        # Not a parameter: a key that decides a result reruns this rule through its inputs, and no other key should.
        changes=json.dumps(configuration.list_changes(config, WORKFLOW.parent / "config" / "config.yaml")),
    params:
        folder=subpath(output[0], parent=True),
        name=config["run"],
        source=SOURCE,
        deviations=configuration.list_deviations(config, PAPER_VALUES),
    shell:
        "python3 {input.script:q} --results {params.folder:q} --name {params.name:q} --source {params.source:q}"
        " --records {input.records:q} --changes {resources.changes:q} --deviations {params.deviations:q}"
        " --viewers {input.viewers:q} --style {input.style:q} --output {output:q} 2>&1 | tee {log:q}"
