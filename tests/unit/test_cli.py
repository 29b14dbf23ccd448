def test_help_names_every_command_without_importing_torch(run_nmt):
    done = run_nmt("--help")
    assert done.code == 0
    for name in ("prepare", "train", "translate", "score", "evaluate", "align", "inspect", "average", "demo"):
        assert f"  {name} " in done.stdout
