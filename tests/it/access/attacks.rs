//! Paths and parameters of somebody who means harm: nothing is opened, no header is added, and the service goes on.

use crate::access::persons::Browser;
use crate::support::Daemon;
use crate::support::seeded;

#[test]
fn no_path_and_no_parameter_reaches_a_file_or_a_header() {
    let (_folder, data) = seeded(&["jiangyin"]);
    let daemon = Daemon::start(&data, &[]);
    let browser = Browser::new(&daemon.http);
    for path in [
        "/../access.db",
        "/assets/../access.db",
        "/assets/%2e%2e/access.db",
        "/assets/..%2f..%2faccess.db",
        "/v1/charts/..%2f..%2faccess.db",
        "/v1/registry/..%2faccess.db",
        "/v1/bulletins/..%2f..%2faccess.db",
        "/enterprises/..%2f..%2faccess.db",
        "/v1/lookups/..%2faccess.db",
        "/%00",
    ] {
        let got = browser.get(path);
        assert!((400..500).contains(&got.status), "{path}: {}", got.status);
        assert!(!got.text.contains("SQLite"), "{path}");
    }
    let unit = "/v1/enterprises/91999999MA1X00017B/tier";
    for path in [
        format!("{unit}?client_ref=a%0d%0aset-cookie:%20skytier_session=x"),
        "/?lang=en%0d%0aset-cookie:%20skytier_session=x".to_owned(),
        "/login?lang=zh%0d%0alocation:%20http://evil.example".to_owned(),
        "/v1/stations?after=%0d%0aset-cookie:%20x=1".to_owned(),
    ] {
        let got = browser.get(&path);
        assert!(got.cookie.is_none() && got.location.is_empty(), "{path}");
    }
    assert_eq!(browser.get("/v1/stations").status, 200, "and it goes on");
}
