//! The daemon with its readings in an InfluxDB 2, which is the stub: the way of a reading, outages under load, sudden
//! ends of either side, and the same figures as from the embedded store.

mod outages;

use std::path::Path;
use std::path::PathBuf;

use crate::support::Daemon;
use crate::support::PATIENCE;
use crate::support::beijing;
use crate::support::failed;
use crate::support::influxdb2::Fault;
use crate::support::influxdb2::Stub;
use crate::support::seeded;
use crate::support::serve;
use crate::support::skytier;
use crate::support::text;
use crate::support::wait_for;

fn on(stub: &Stub, mut command: std::process::Command) -> std::process::Command {
    command.envs(stub.environment());
    command
}

fn daemon(stub: &Stub, data: &Path) -> Daemon {
    Daemon::start_by(on(stub, serve(data, &[])), data)
}

/// Runs a command on the stub that must succeed; gives its standard output.
fn run_on(stub: &Stub, args: &[&str]) -> String {
    let ended = on(stub, skytier(args))
        .output()
        .expect("the program starts");
    assert!(
        ended.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&ended.stderr)
    );
    String::from_utf8(ended.stdout).expect("UTF-8")
}

/// The first hours of a recorded file, as a file of their own.
fn hours_of(station: &str, hours: usize, folder: &Path) -> PathBuf {
    let mut whole = String::new();
    let file = std::fs::File::open(beijing(station)).expect("a recorded file");
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut whole)
        .expect("text");
    let path = folder.join(format!("PRSA_Data_{station}_20130301-20170228.csv"));
    let lines: Vec<&str> = whole.lines().take(hours + 1).collect();
    std::fs::write(&path, lines.join("\n")).expect("written");
    path
}

const HOURS: usize = 24 * 366;

#[test]
fn the_figures_of_a_year_are_the_same_from_both_stores() {
    let stub = Stub::start();
    let (folder, data) = seeded(&["beijing"]);
    let other = folder.path().join("other");
    let inputs = ["Dongsi", "Guanyuan"].map(|station| hours_of(station, HOURS, folder.path()));
    run_on(&stub, &["seed", "beijing", "--data", text(&other)]);
    let mut import = vec!["import", "--layout", "beijing-uci", "--input"];
    import.extend(inputs.iter().map(|path| text(path)));
    import.extend(["--data"]);
    let told = [&data, &other].map(|directory| {
        let mut args = import.clone();
        args.push(text(directory));
        if *directory == other {
            run_on(&stub, &args)
        } else {
            crate::support::run(&args)
        }
    });
    assert_eq!(told[0], told[1], "new, repeated and corrected values");
    assert!(
        stub.count("reading") > HOURS * 12,
        "values and receipts are at the server"
    );
    for by in ["day", "month", "year"] {
        for area in ["station:Dongsi", "station:Guanyuan"] {
            let format = if by == "day" { "csv" } else { "json" };
            let now = chrono::Utc::now().to_rfc3339();
            let mut args = vec![
                "assess",
                "--area",
                area,
                "--from",
                "2013-03-01",
                "--to",
                "2014-02-28",
            ];
            args.extend(["--by", by, "--format", format, "--known-at", &now, "--data"]);
            let embedded = crate::support::run(&[&args[..], &[text(&data)]].concat());
            let influxdb2 = run_on(&stub, &[&args[..], &[text(&other)]].concat());
            assert!(embedded.len() > 300, "{embedded}");
            assert_eq!(embedded, influxdb2, "{area} by {by}");
        }
    }
}

/// Everything that was acknowledged, in the order of an export.
fn exported(stub: &Stub, data: &Path) -> String {
    run_on(
        stub,
        &[
            "export",
            "--data",
            text(data),
            "--what",
            "readings",
            "--out",
            "-",
        ],
    )
}

/// Readings come in while the server goes away and comes back, twice; then it and skytier are ended without warning.
#[test]
fn an_outage_under_load_loses_nothing_and_doubles_nothing() {
    let stub = Stub::start();
    let (folder, plain) = seeded(&["beijing"]);
    let data = folder.path().join("data-influxdb2");
    run_on(&stub, &["seed", "beijing", "--data", text(&data)]);
    let hours = hours_of("Dongsi", 24 * 60, folder.path());
    let daemon_one = daemon(&stub, &data);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            daemon_one
                .site
                .replay("beijing-uci", std::slice::from_ref(&hours))
        });
        for _ in 0..2 {
            let before = stub.count("reading");
            wait_for("some readings at the server", PATIENCE, || {
                (stub.count("reading") > before || load.is_finished()).then_some(())
            });
            stub.kill();
            std::thread::sleep(std::time::Duration::from_millis(700));
            stub.restart();
        }
        stub.kill();
        load.join().expect("every message was acknowledged");
    });
    let (status, said) = daemon_one.site.get("/readyz");
    let waiting = stub.count("reading") < hours_in(&hours) * 16;
    assert_eq!(status == 503, waiting, "{said}");
    daemon_one.kill9();
    stub.restart();
    if waiting {
        // The server gets what waited, its answer is lost, and the start fails: the next one brings it again.
        stub.fail_writes([Fault::Pass, Fault::LostAnswer]);
        let mut start = on(&stub, serve(&data, &[]));
        let (code, said) = failed(&start.output().expect("it ends"));
        assert!(code == 3 && said.contains("the connection broke"), "{said}");
    }
    let daemon_two = daemon(&stub, &data);
    wait_for("everything at the server", PATIENCE, || {
        (daemon_two.site.get("/readyz").0 == 200).then_some(())
    });
    daemon_two.stop("TERM");
    let import = [
        "import",
        "--layout",
        "beijing-uci",
        "--input",
        text(&hours),
        "--data",
        text(&plain),
    ];
    crate::support::run(&import);
    assert_eq!(exported(&stub, &data), crate::support::export(&plain));
    assert_eq!(stub.count("revision"), 0, "nothing was corrected");
    let verified = run_on(&stub, &["verify", "--data", text(&data)]);
    assert!(
        verified.contains("batches in the spool: 0 checked"),
        "{verified}"
    );
}

fn hours_in(path: &Path) -> usize {
    std::fs::read_to_string(path).expect("text").lines().count() - 1
}

/// What keeps the daemon from starting is told on one line, with exit code 3.
#[test]
fn the_daemon_does_not_start_on_a_server_it_cannot_use() {
    let check = |prepare: &dyn Fn(&Stub), overrides: &[(&str, &str)], code: i32, expected: &str| {
        let stub = Stub::start();
        prepare(&stub);
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = on(&stub, serve(&folder.path().join("data"), &[]));
        let ended = command
            .envs(overrides.iter().copied())
            .output()
            .expect("the program starts");
        let (ended_with, said) = failed(&ended);
        assert!(said.contains(expected), "{said}");
        assert_eq!(ended_with, code, "{said}");
        assert!(!said.contains(crate::support::influxdb2::TOKEN), "{said}");
    };
    check(&|stub| stub.kill(), &[], 3, "start the InfluxDB");
    check(
        &|_| {},
        &[("SKYTIER__STORE__INFLUXDB2__TOKEN", "wrong")],
        3,
        "mend store.influxdb2.token",
    );
    check(
        &|_| {},
        &[("SKYTIER__STORE__INFLUXDB2__BUCKET", "nosuch")],
        3,
        "influx bucket create",
    );
    check(&|stub| stub.pretend("1.8.0", 0), &[], 3, "needs InfluxDB 2");
    check(
        &|_| {},
        &[("SKYTIER__STORE__INFLUXDB2__URL", "influx")],
        2,
        "store.influxdb2.url",
    );
    check(
        &|_| {},
        &[("SKYTIER__STORE__INFLUXDB2__ORG", "")],
        2,
        "store.influxdb2.org",
    );
    check(
        &|_| {},
        &[("SKYTIER__STORE__INFLUXDB2__SPOOL", "yes")],
        2,
        "\"yes\" is not on or off",
    );
}

/// A clock that differs is told in the log, and hinders nothing.
#[test]
fn a_server_whose_clock_differs_is_told_of() {
    let stub = Stub::start();
    stub.pretend("v2.7.12", -3_600);
    let folder = tempfile::tempdir().expect("a folder");
    let running = daemon(&stub, &folder.path().join("data"));
    assert_eq!(running.site.get("/readyz").0, 200);
    let log = running.log();
    assert!(log.contains(" s behind ours; set both by NTP"), "{log}");
}

/// Neither store passes over what the other one holds.
#[test]
fn a_directory_says_where_its_readings_are() {
    let stub = Stub::start();
    let (folder, data) = seeded(&["beijing"]);
    let hours = hours_of("Dongsi", 24, folder.path());
    let import = |data: &Path| {
        let args = [
            "import",
            "--layout",
            "beijing-uci",
            "--input",
            text(&hours),
            "--data",
            text(data),
        ];
        skytier(&args)
    };
    assert!(import(&data).output().expect("it runs").status.success());
    let area = ["--area", "station:Dongsi", "--from", "2013-03-01"];
    let assess = [
        &["assess"][..],
        &area,
        &["--to", "2013-03-01", "--data", text(&data)],
    ]
    .concat();
    let stats = ["stats", "--data", text(&data)];
    let (known, figures) = (crate::support::run(&stats), crate::support::run(&assess));
    // Whatever the server says: nobody gets as far as asking it.
    stub.kill();
    let ways = [
        serve(&data, &[]),
        skytier(&assess),
        skytier(&[
            "export",
            "--what",
            "readings",
            "--out",
            "-",
            "--data",
            text(&data),
        ]),
        skytier(&["verify", "--data", text(&data)]),
        import(&data),
    ];
    for command in ways {
        let mut command = on(&stub, command);
        let (code, said) = failed(&command.output().expect("it ends"));
        assert!(
            code == 3 && said.contains("holds readings of its own"),
            "{command:?}: {said}"
        );
    }
    assert!(!data.join("influxdb2-spool.db").exists());
    let after = (crate::support::run(&stats), crate::support::run(&assess));
    assert_eq!(after, (known, figures), "and it is as usable as before");
    stub.restart();
    let other = folder.path().join("other");
    run_on(&stub, &["seed", "beijing", "--data", text(&other)]);
    let (code, said) = crate::support::fails(&["stats", "--data", text(&other)]);
    assert!(
        code == 3 && said.contains("its readings are in an InfluxDB 2"),
        "{said}"
    );
}

/// The number that a text begins with.
fn first_number(text: &str) -> u32 {
    let word = text.split(' ').next();
    word.and_then(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("no number: {text}"))
}

/// The server's means of days are ours; were they not, the days would be named.
#[test]
fn a_crosscheck_compares_both_computations() {
    let stub = Stub::start();
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let hours = hours_of("Dongsi", 24 * 60, folder.path());
    run_on(&stub, &["seed", "beijing", "--data", text(&data)]);
    let import = [
        "import",
        "--layout",
        "beijing-uci",
        "--input",
        text(&hours),
        "--data",
        text(&data),
    ];
    run_on(&stub, &import);
    let dates = [
        "--from",
        "2013-03-02",
        "--to",
        "2013-04-28",
        "--data",
        text(&data),
    ];
    let all = [&["crosscheck"][..], &dates].concat();
    let said = run_on(&stub, &all);
    let compared = first_number(&said);
    assert!(compared > 200 && said.ends_with(" 0 differ\n"), "{said}");
    // What an order took out is in the server's means and not in ours; such days are left out.
    let mut delete = vec!["delete", "--source", "Dongsi", "--by", "Li Na"];
    delete.extend(["--reason", "bench test under this name"]);
    delete.extend(["--from", "2013-03-10T06:00:00+08:00"]);
    delete.extend(["--to", "2013-03-10T09:00:00+08:00", "--data", text(&data)]);
    let taken = run_on(&stub, &delete);
    assert!(taken.starts_with("order 1: "), "{taken}");
    let said = run_on(&stub, &all);
    let fewer = first_number(&said);
    assert!(fewer < compared && said.ends_with(" 0 differ\n"), "{said}");
    stub.skew_means(0.001);
    let one = [&all[..], &["--source", "Dongsi", "--factor", "pm25"]].concat();
    let ended = on(&stub, skytier(&one)).output().expect("it runs");
    let listed = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{listed}");
    assert!(
        listed.contains("Dongsi pm25 avg 3600 s 2013-03-03: ours "),
        "{listed}"
    );
    assert!(listed.lines().count() > 30, "{listed}");
    let none = [&all[..], &["--source", "nobody"]].concat();
    let ended = on(&stub, skytier(&none)).output().expect("it runs");
    let (code, said) = failed(&ended);
    assert!(
        code == 2 && said.contains("no reading of such a series"),
        "{said}"
    );
    let (code, said) = crate::support::fails(&[
        "crosscheck",
        "--data",
        text(folder.path()),
        "--from",
        "2013-03-01",
        "--to",
        "2013-03-02",
    ]);
    assert!(
        code == 3 && said.contains("no such data directory"),
        "{said}"
    );
}

/// `make run STORE=influxdb2` with the address in the environment, as README has it: what the program is started with.
#[cfg(unix)]
#[test]
fn make_run_hands_the_address_of_the_environment_over() {
    use std::os::unix::fs::PermissionsExt as _;

    crate::support::require("/usr/bin/make");
    let folder = tempfile::tempdir().expect("a folder");
    let script = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("room on the disk");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("room on the disk");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("ours");
    };
    // A cargo that builds nothing, and a program that says what it was given.
    let target = folder.path().join("target");
    let told = format!("echo '{{\"target_directory\":\"{}\"}}'", target.display());
    script("bin/cargo", format!("[ \"$1\" != metadata ] || {told}"));
    script(
        "target/release/skytier",
        "echo \"$@\"; env | grep ^SKYTIER__STORE || :".to_owned(),
    );
    let path = std::env::var("PATH").expect("a path");
    let path = format!("{}:{path}", folder.path().join("bin").display());
    let check = |store: &str, given: &[(&str, &str)], expected: &[&str]| {
        let mut command = std::process::Command::new("/usr/bin/make");
        command
            .args(["--silent", "run", "DATA=var/x", store])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("PATH", &path);
        for name in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL"] {
            command.env_remove(name);
        }
        for name in ["URL", "ORG", "BUCKET", "TOKEN"] {
            command.env_remove(format!("INFLUXDB2_{name}"));
        }
        let ended = command
            .envs(given.iter().copied())
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        let mut lines: Vec<&str> = said.lines().collect();
        lines.sort_unstable();
        let failed = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(lines, expected, "{store}: {failed}");
    };
    check("STORE=", &[], &["demo --data var/x"]);
    check(
        "STORE=influxdb2",
        &[
            ("INFLUXDB2_URL", "http://db:8086"),
            ("INFLUXDB2_ORG", "grid"),
            ("INFLUXDB2_BUCKET", "air quality"),
            ("INFLUXDB2_TOKEN", "t0ken=="),
        ],
        &[
            "SKYTIER__STORE__INFLUXDB2__BUCKET=air quality",
            "SKYTIER__STORE__INFLUXDB2__ORG=grid",
            "SKYTIER__STORE__INFLUXDB2__TOKEN=t0ken==",
            "SKYTIER__STORE__INFLUXDB2__URL=http://db:8086",
            "SKYTIER__STORE__KIND=influxdb2",
            "demo --data var/x",
        ],
    );
}
