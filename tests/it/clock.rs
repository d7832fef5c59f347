//! The time at which somebody looks and the zone of the machine: the whole daemon at the seconds around ends of days, months
//! and years, on leap days and in years that have none, and commands under other zones of the system.

use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;

use skytier::app::config::Settings;
use skytier::app::daemon::Daemon;
use skytier::domain::calendar::Instant;

use crate::support::fetch;
use crate::support::seeded;
use crate::support::skytier;
use crate::support::text;

static CLOCK: AtomicI64 = AtomicI64::new(0);

fn clock() -> Instant {
    Instant::from_unix(CLOCK.load(Ordering::SeqCst))
}

/// Times at which days, months and years end, and days that most years do not have, as Beijing's clocks show them.
const MOMENTS: [&str; 14] = [
    "2027-02-28T23:59:59",
    "2027-03-01T00:00:00",
    "2027-12-31T23:59:59",
    "2028-01-01T00:00:00",
    "2028-01-01T07:59:59",
    "2028-01-01T08:00:00",
    "2028-02-29T00:00:00",
    "2028-02-29T12:34:56",
    "2028-02-29T23:59:59",
    "2028-03-01T00:00:00",
    "2028-12-30T00:00:00",
    "2028-12-31T23:59:59",
    "2029-01-01T00:00:01",
    "2100-02-28T23:59:59",
];

/// What shows the time of the look in some way: nobody says which day is meant.
const PATHS: [&str; 20] = [
    "/",
    "/calendar",
    "/year",
    "/targets",
    "/trends",
    "/stations",
    "/data",
    "/bulletins",
    "/tiers",
    "/changes",
    "/enterprises/91999999MA1X00017B",
    "/enterprises/91999999MA1X00017B/certificate",
    "/v1/air/now",
    "/v1/air/targets",
    "/v1/stations",
    "/v1/enterprises/91999999MA1X00017B/tier",
    "/v1/enterprises/91999999MA1X00017B/history",
    "/v1/enterprises/91999999MA1X00017B/what-if?id=none",
    "/metrics",
    "/readyz",
];

#[tokio::test(flavor = "multi_thread")]
async fn at_every_turn_of_the_calendar_everything_is_served() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let any = "127.0.0.1:0".parse().expect("an address");
    let settings = Settings {
        data_dir: data,
        http_listen: any,
        mqtt_embedded: false,
        ..Settings::default()
    };
    let local = |text: &str| -> chrono::DateTime<chrono::FixedOffset> {
        format!("{text}+08:00").parse().expect("a time")
    };
    CLOCK.store(local(MOMENTS[0]).timestamp(), Ordering::SeqCst);
    let daemon = Daemon::start(&settings, clock).await.expect("it starts");
    let site = format!("http://{}", daemon.http);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(daemon.run(async {
        drop(stopped.await);
    }));
    let asked = tokio::task::spawn_blocking(move || {
        for moment in MOMENTS {
            let now = local(moment);
            CLOCK.store(now.timestamp(), Ordering::SeqCst);
            for path in PATHS {
                let got = fetch(&format!("{site}{path}"));
                let fine = match path {
                    // There is no such record.
                    path if path.contains("what-if") => [400, 404, 409].contains(&got.status),
                    _ => got.status == 200,
                };
                assert!(fine, "{moment} {path}: {} {}", got.status, got.text);
            }
            // The day of the look is that of the zone, not of UTC, eight hours behind.
            let tier = fetch(&format!("{site}/v1/enterprises/91999999MA1X00017B/tier"));
            let on = tier.json()["computed"]["on"].as_str().map(str::to_owned);
            assert_eq!(on.as_deref(), moment.split('T').next(), "{}", tier.text);
            let home = fetch(&format!("{site}/")).text;
            assert!(home.contains(&moment[..10]), "{moment}: {home}");
        }
    });
    asked.await.expect("all of it is served");
    stop.send(()).expect("it runs");
    running.await.expect("no panic").expect("it ends well");
}

/// The text without the times of the last hour, which are those of the look; in another zone than Beijing's they stay.
fn unmoved(text: &str) -> String {
    let now = chrono::Utc::now();
    let mut told = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let time = rest.get(..25).filter(|time| time.ends_with("+08:00"));
        let time = time.and_then(|time| chrono::DateTime::parse_from_rfc3339(time).ok());
        let step = match time {
            Some(time) if (now - time.to_utc()).num_seconds().abs() < 3_600 => {
                told.push_str("NOW");
                25
            }
            _ => {
                told.push(first);
                first.len_utf8()
            }
        };
        rest = &rest[step..];
    }
    told
}

/// The zone and the language of the system are no matter: days are those of the settings.
#[test]
fn the_zone_of_the_machine_changes_no_output() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let own = ["--data", text(&data)];
    for line in [
        "assess --area group:city --from 2020-01-01 --to 2020-12-31 --by month --format json",
        "export --what readings --format csv --out -",
        "targets --area group:city --on 2020-12-31 --format json",
        "assess --area city --from 2020-02-28 --to 2020-03-01 --by day --format csv",
        "register --list stations",
        "stats --format json",
    ] {
        let args: Vec<&str> = line.split(' ').chain(own).collect();
        let printed = |zone: &str, language: &str| {
            let mut command = skytier(&args);
            command.envs([("TZ", zone), ("LANG", language), ("LC_ALL", language)]);
            let ended = command.output().expect("it runs");
            let code = ended.status.code();
            let said = [&ended.stdout[..], &ended.stderr].concat();
            (code, unmoved(&String::from_utf8_lossy(&said)))
        };
        let expected = printed("UTC", "C");
        assert!(!expected.1.is_empty(), "{line}");
        for (zone, language) in [
            ("Asia/Shanghai", "zh_CN.UTF-8"),
            ("America/St_Johns", "de_DE.UTF-8"),
            ("Pacific/Kiritimati", "tr_TR.UTF-8"),
            ("<+03>-3:30", "C.UTF-8"),
        ] {
            assert_eq!(printed(zone, language), expected, "{line} in {zone}");
        }
    }
}
