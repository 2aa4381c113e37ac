//! The command line as people and programs write it.

use clap::{CommandFactory, error::ErrorKind};

use super::{Cli, Command};

const MASTER: &str = "vesta://a:7700,b,c";

fn parse(line: &[&str]) -> Result<Command, clap::Error> {
    super::parse(std::iter::once(&"vesta").chain(line))
}

fn submit(flags: &[&str]) -> Result<Box<crate::commands::submit::Submit>, clap::Error> {
    let mut line = vec!["submit", "--master", MASTER];
    line.extend(flags);
    line.extend(["--", "/bin/wc", "-w", "--master"]);
    match parse(&line)? {
        Command::Submit(submit) => Ok(submit),
        other => panic!("submit was written: {other:?}"),
    }
}

#[test]
fn every_command_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn a_submission_with_spark_s_flags_is_understood() {
    let args = submit(&[
        "--deploy-mode",
        "cluster",
        "--supervise",
        "--driver-cores",
        "2",
        "--driver-memory",
        "2g",
        "--total-executor-cores",
        "8",
        "--executor-cores",
        "4",
        "--executor-memory",
        "512m",
        "--name",
        "words",
        "--conf",
        "a=b=c",
        "--conf",
        "d=",
        "--env",
        "X=1",
        "--artifact",
        "/a.jar",
    ])
    .unwrap();
    assert!(args.supervise);
    assert_eq!((args.driver_cores, args.driver_memory), (2, 2048));
    assert_eq!(args.total_executor_cores, Some(8));
    let size = args.executor().unwrap();
    assert_eq!((size.cores, size.memory_mib), (4, 512));
    assert_eq!(
        args.conf,
        [("a".into(), "b=c".into()), ("d".into(), String::new())]
    );
    // What stands behind -- is the program's own, whatever it looks like.
    assert_eq!(args.process.command, ["/bin/wc", "-w", "--master"]);
}

#[test]
fn a_driver_takes_one_core_and_512_mib_unless_it_says_otherwise() {
    let args = submit(&[]).unwrap();
    assert_eq!((args.driver_cores, args.driver_memory), (1, 512));
    assert!(args.executor().is_none() && !args.supervise && args.shown_name() == "wc");
    let alone = submit(&["--executor-cores", "2"])
        .unwrap()
        .executor()
        .unwrap();
    assert_eq!(alone.memory_mib, 1024);
}

#[test]
fn a_bad_flag_is_a_usage_error_that_says_what_would_be_right() {
    let table: [(&[&str], &str); 21] = [
        (&["--driver-memory", "10"], "no unit"),
        (&["--driver-memory", "10x"], "unit is not known"),
        (&["--driver-cores", "1.5"], "invalid"),
        (&["--driver-cores=-1"], "invalid"),
        (&["--executor-memory", "1g"], "--executor-cores"),
        (&["--conf", "novalue"], "NAME=VALUE"),
        (&["--env", "=x"], "NAME=VALUE"),
        (&["--deploy-mode", "moon"], "cluster, client"),
        (&["--name"], "value is required"),
        (&["--name", "a", "--name", "b"], "multiple times"),
        (
            &["--key", "67e55044-10b1-426f-9247-bb680e5fe0c8"],
            "version 7",
        ),
        (&["--supervize"], "--supervise"),
        (&["--driver-cores", "0"], "from 1 to 65536"),
        (&["--driver-cores", "-1"], "from 1 to 65536"),
        (&["--executor-cores", "65537"], "from 1 to 65536"),
        (&["--total-executor-cores", "x"], "from 1 to 65536"),
        (&["--driver-memory", "-1g"], "no whole number"),
        (&["--driver-memory", "1k"], "less than 1m"),
        (&["--timeout", "-5s"], "length of time"),
        (&["--name", ""], "a name of 1 to 256 bytes"),
        (&["--name", "a\nb"], "without control characters"),
    ];
    for (flags, words) in table {
        let error = submit(flags).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{flags:?}");
        assert!(error.to_string().contains(words), "{flags:?}: {error}");
    }
}

#[test]
fn a_bad_list_of_masters_is_a_usage_error() {
    for (list, words) in [
        ("spark://a:7077", "vesta://"),
        ("vesta://", "names no master"),
        ("vesta://:7700", "no host"),
        ("vesta://a:99999", "port"),
    ] {
        let error = parse(&["list", "workers", "--master", list]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ValueValidation);
        assert!(error.to_string().contains(words), "{list}: {error}");
    }
}

#[test]
fn a_program_stands_behind_two_dashes() {
    let error = parse(&["submit", "--master", MASTER]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingRequiredArgument);
    for line in [
        &["submit", "--master", MASTER] as &[&str],
        &["submit", "--master", MASTER, "/bin/wc"],
        &[
            "app",
            "run",
            "--executors",
            "1",
            "--master",
            MASTER,
            "/bin/wc",
        ],
    ] {
        let error = parse(line).unwrap_err();
        let said = error.to_string();
        assert_eq!(error.exit_code(), 2);
        assert!(said.contains("write the program behind `--`"), "{said}");
        assert!(said.contains("-- <PROGRAM> [ARGS]..."), "{said}");
        assert!(!said.contains("[ARGS]...>"), "{said}");
    }
    // What is misspelt is not taken for a program.
    let said = parse(&["submit", "--master", MASTER, "--supervize"]).unwrap_err();
    assert!(!said.to_string().contains("behind `--`"), "{said}");
}

#[test]
fn flags_that_contradict_each_other_are_a_usage_error_in_both_deploy_modes() {
    for mode in ["cluster", "client"] {
        let flags = ["--total-executor-cores", "1", "--executor-cores", "2"];
        let args = submit(&[&["--deploy-mode", mode], &flags[..]].concat()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let ended = runtime
            .unwrap()
            .block_on(crate::commands::submit::run(*args));
        match ended.unwrap_err() {
            crate::exit::Failure::Usage(said) => {
                let both = "--total-executor-cores 1 is less than --executor-cores 2";
                assert!(said.contains(both), "{said}");
            }
            other => panic!("a usage error was wanted: {other:?}"),
        }
    }
}

#[test]
fn a_resource_is_named_once_and_only_a_worker_has_any() {
    let table = [
        (
            &["--driver-resource", "gpu=1", "--driver-resource", "gpu=2"] as &[&str],
            "name each resource once",
        ),
        (
            &["--deploy-mode", "client", "--driver-resource", "gpu=1"],
            "only a worker has addresses to give",
        ),
    ];
    for (flags, wanted) in table {
        let args = submit(flags).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let ended = runtime
            .unwrap()
            .block_on(crate::commands::submit::run(*args));
        match ended.unwrap_err() {
            crate::exit::Failure::Usage(said) => assert!(said.contains(wanted), "{said}"),
            other => panic!("a usage error was wanted: {other:?}"),
        }
    }
    assert!(submit(&["--driver-resource", "gpu"]).is_err());
}

#[test]
fn each_shell_gets_completions_of_every_command_that_is_shown() {
    use clap::CommandFactory;
    for shell in ["bash", "zsh", "fish"] {
        let Ok(Command::Completions(args)) = parse(&["completions", shell]) else {
            panic!("{shell} is a shell");
        };
        let script = crate::commands::completions::script(args.shell, &Cli::command());
        let script = String::from_utf8(script).unwrap();
        assert!(
            !script.contains("demo-driver"),
            "{shell} shows what is hidden"
        );
        for command in [
            "submit",
            "failover",
            "--supervise",
            "--total-executor-cores",
        ] {
            let command = command.trim_start_matches("--");
            assert!(
                script.contains(command),
                "{shell} does not complete {command}"
            );
        }
    }
    assert_eq!(parse(&["completions", "dos"]).unwrap_err().exit_code(), 2);
}

#[test]
fn an_id_tells_which_object_is_meant() {
    assert!(parse(&["status", "driver-20261121110000-0000", "--master", MASTER]).is_ok());
    assert!(parse(&["kill", "app-20261121110000-0000", "--master", MASTER]).is_ok());
    let log = parse(&[
        "logs",
        "app-20261121110000-0000/3",
        "-f",
        "--master",
        MASTER,
    ]);
    assert!(log.is_ok());
    for line in [
        &["status", "--master", MASTER] as &[&str],
        &["status", "worker-1", "--master", MASTER],
        &["kill", "driver-../../x", "--master", MASTER],
        &["logs", "app-20261121110000-0000", "--master", MASTER],
        &["list", "planets", "--master", MASTER],
        &["failover", "show", "--last", "0", "--master", MASTER],
        &["list", "drivers", "--limit", "0", "--master", MASTER],
        &[
            "app",
            "run",
            "--executors",
            "0",
            "--master",
            MASTER,
            "--",
            "true",
        ],
    ] {
        assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line:?}");
    }
}

#[test]
fn a_flag_without_a_value_switches_on_and_with_one_also_off() {
    let form = |flags: &[&str]| {
        let mut line = vec!["master", "--node-id", "1"];
        line.extend(flags);
        match parse(&line).unwrap() {
            Command::Master(master) => master.settings.form,
            other => panic!("master was written: {other:?}"),
        }
    };
    assert_eq!(form(&[]), None);
    assert_eq!(form(&["--form"]), Some(true));
    assert_eq!(form(&["--form=false"]), Some(false));
}
