//! TLS to a real Mosquitto and to the stub of InfluxDB behind TLS, with a certificate authority of the test's own: who
//! is trusted, who is not, and what is said then. In a program built without the feature: that it is refused.

use crate::support::failed;
use crate::support::serve;

/// What a start is told on one line, with exit code 2.
fn check_refused(overrides: &[(&str, &str)], expected: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = serve(&folder.path().join("data"), overrides).output();
    let (code, said) = failed(&ended.expect("it starts"));
    assert!(said.contains(expected), "{expected}: {said}");
    assert_eq!((code, said.lines().count()), (2, 1), "{said}");
}

#[test]
fn tls_that_cannot_work_is_refused_before_anything_starts() {
    const URL: &str = "SKYTIER__MQTT__BROKERS__0__URL";
    const CA: &str = "SKYTIER__MQTT__BROKERS__0__CA_FILE";
    const KEY: &str = "SKYTIER__MQTT__BROKERS__0__CLIENT_KEY_FILE";
    check_refused(
        &[(URL, "mqtt://b"), (CA, "ca.pem")],
        "mqtt.brokers.0: mqtt://b:1883 is spoken to without TLS, yet ca_file is given",
    );
    let told = |with_tls: &'static str| {
        if cfg!(feature = "native-tls") {
            with_tls
        } else {
            println!(
                "NOT RUN: TLS itself; build the tests with the feature native-tls, as `make test` does"
            );
            "mqtt.brokers.0: mqtts://b:8883: this skytier was built without TLS"
        }
    };
    check_refused(
        &[(URL, "mqtts://b"), (KEY, "key.pem")],
        told("mqtt.brokers.0: client_cert_file and client_key_file belong together"),
    );
}

#[cfg(feature = "native-tls")]
mod spoken {
    use std::path::Path;
    use std::path::PathBuf;
    use std::process::Command;

    use rumqttc::tokio_native_tls::TlsAcceptor;
    use rumqttc::tokio_native_tls::native_tls;

    use crate::support::Daemon;
    use crate::support::PATIENCE;
    use crate::support::failed;
    use crate::support::influxdb2::Stub;
    use crate::support::mosquitto::Mosquitto;
    use crate::support::mosquitto::PUBLISHER;
    use crate::support::papers::Papers;
    use crate::support::require;
    use crate::support::seeded;
    use crate::support::serve;
    use crate::support::station::hourly;
    use crate::support::station::readings_topic;
    use crate::support::text;
    use crate::support::wait_for;

    const TIME: &str = "2020-07-27T13:00:00+08:00";

    /// Mosquitto's lines.
    fn config(papers: &Papers, more: &str) -> String {
        let [ca, cert, key] = ["ca.pem", "server.crt", "server.key"].map(|name| papers.path(name));
        format!(
            "cafile {}\ncertfile {}\nkeyfile {}\n{more}",
            ca.display(),
            cert.display(),
            key.display()
        )
    }

    /// Settings of the one broker.
    fn overrides(url: &str, files: &[(&str, PathBuf)]) -> Vec<(String, String)> {
        let key = |name: &str| format!("SKYTIER__MQTT__BROKERS__0__{name}");
        let files = files
            .iter()
            .map(|(name, path)| (key(name), text(path).to_owned()));
        std::iter::once((key("URL"), url.to_owned()))
            .chain(files)
            .collect()
    }

    fn daemon(data: &Path, overrides: &[(String, String)]) -> Daemon {
        let overrides: Vec<_> = overrides
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        Daemon::start(data, &overrides)
    }

    /// Publishes a reading over TLS, with a client certificate, as an operator would.
    fn publish(port: u16, papers: &Papers, value: f64) {
        require(PUBLISHER);
        let [ca, cert, key] = ["ca.pem", "client.crt", "client.key"].map(|name| papers.path(name));
        let sent = Command::new(PUBLISHER)
            .args(["-h", "localhost", "-q", "1", "-p", &port.to_string()])
            .args([
                "--cafile",
                text(&ca),
                "--cert",
                text(&cert),
                "--key",
                text(&key),
            ])
            .args([
                "-t",
                &readings_topic("1999A"),
                "-m",
                &hourly(TIME, &value.to_string()),
            ])
            .output()
            .expect("mosquitto_pub runs");
        assert!(
            sent.status.success(),
            "{}",
            String::from_utf8_lossy(&sent.stderr)
        );
    }

    #[test]
    fn readings_come_from_a_broker_that_both_sides_vouch_for() {
        let papers = Papers::new();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let asking = config(&papers, "require_certificate true\n");
        let broker = runtime.block_on(Mosquitto::start_with(&asking));
        let url = format!("mqtts://localhost:{}", broker.port);
        let ca = ("CA_FILE", papers.path("ca.pem"));
        let own = [
            ("CLIENT_CERT_FILE", papers.path("client.crt")),
            ("CLIENT_KEY_FILE", papers.path("client.key")),
        ];
        let (_folder, data) = seeded(&["jiangyin"]);
        let all = [&[ca.clone()][..], &own].concat();
        let heard = daemon(&data, &overrides(&url, &all));
        wait_for("a reading over TLS", PATIENCE, || {
            publish(broker.port, &papers, 40.5);
            let rows = heard.readings("1999A", "factor=pm25");
            (rows.first()?["value"] == 40.5).then_some(())
        });
        heard.stop("TERM");
        // Who is not trusted is not spoken to, and the log says why.
        let address = format!("mqtts://127.0.0.1:{}", broker.port);
        for (url, files, expected) in [
            (&url, vec![ca.clone()], "ertificate required"),
            (&url, own.to_vec(), "certificate verify failed"),
            (
                &url,
                vec![("CA_FILE", papers.path("other.pem"))],
                "certificate verify failed",
            ),
            (&address, all, "certificate verify failed"),
        ] {
            let before = heard_of(&data);
            let refused = daemon(&data, &overrides(url, &files));
            wait_for(expected, PATIENCE, || {
                refused.log()[before..].contains(expected).then_some(())
            });
            let open = format!("skytier_mqtt_connections_open{{source=\"{url}\"}}");
            assert_eq!(refused.metric(&open), 0, "{url} {files:?}");
            refused.stop("TERM");
        }
    }

    /// Bytes logged so far.
    fn heard_of(data: &Path) -> usize {
        std::fs::metadata(data.with_extension("log")).map_or(0, |log| log.len() as usize)
    }

    #[test]
    fn files_that_cannot_be_used_end_the_start() {
        let papers = Papers::new();
        let check = |files: &[(&str, &str)], expected: &str| {
            let files: Vec<_> = files
                .iter()
                .map(|(name, file)| (*name, papers.path(file)))
                .collect();
            let folder = tempfile::tempdir().expect("a folder");
            let mut command = serve(&folder.path().join("data"), &[]);
            command.envs(overrides("mqtts://localhost:1", &files));
            let (code, said) = failed(&command.output().expect("it starts"));
            assert!(code > 0 && said.contains(expected), "{code} {said}");
            assert_eq!(said.lines().count(), 1, "{said}");
        };
        check(&[("CA_FILE", "nosuch.pem")], "nosuch.pem: No such file");
        check(
            &[("CA_FILE", "names")],
            "there is no certificate in PEM in it",
        );
        check(
            &[
                ("CLIENT_CERT_FILE", "client.crt"),
                ("CLIENT_KEY_FILE", "names"),
            ],
            "the key in PKCS #8",
        );
    }

    /// Puts TLS in front of the stub; gives the port.
    fn in_front_of(stub: &Stub, papers: &Papers, runtime: &tokio::runtime::Runtime) -> u16 {
        let [cert, key] =
            ["server.crt", "server.key"].map(|name| std::fs::read(papers.path(name)).expect("PEM"));
        let identity = native_tls::Identity::from_pkcs8(&cert, &key).expect("an identity");
        let acceptor = native_tls::TlsAcceptor::new(identity).expect("an acceptor");
        let acceptor = TlsAcceptor::from(acceptor);
        let behind = stub.url().replace("http://", "");
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .expect("a port");
        let port = listener.local_addr().expect("an address").port();
        runtime.spawn(async move {
            loop {
                let (client, _) = listener.accept().await.expect("a connection");
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                tokio::spawn(async move {
                    let Ok(mut client) = acceptor.accept(client).await else {
                        return;
                    };
                    let server = tokio::net::TcpStream::connect(behind).await;
                    // Either side may end it.
                    drop(
                        tokio::io::copy_bidirectional(&mut client, &mut server.expect("the stub"))
                            .await,
                    );
                });
            }
        });
        port
    }

    #[test]
    fn an_influxdb_behind_tls_takes_readings_when_its_authority_is_trusted() {
        let papers = Papers::new();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let stub = Stub::start();
        let port = in_front_of(&stub, &papers, &runtime);
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let start = |host: &str, ca: &str| {
            let mut command = serve(&data, &[]);
            command.envs(stub.environment());
            command.env(
                "SKYTIER__STORE__INFLUXDB2__URL",
                format!("https://{host}:{port}"),
            );
            command.env("SKYTIER__STORE__INFLUXDB2__CA_FILE", papers.path(ca));
            command
        };
        for (host, ca) in [("localhost", "other.pem"), ("127.0.0.1", "ca.pem")] {
            let (code, said) = failed(&start(host, ca).output().expect("it starts"));
            assert!(
                code == 3 && said.contains("certificate verify failed"),
                "{said}"
            );
        }
        let (code, said) = failed(&start("localhost", "names").output().expect("it starts"));
        assert!(
            code == 3 && said.contains("no certificate in PEM"),
            "{said}"
        );
        assert_eq!(stub.heads(), Vec::<String>::new(), "nothing was asked");
        let daemon = Daemon::start_by(start("localhost", "ca.pem"), &data);
        assert_eq!(daemon.get("/readyz").0, 200);
        daemon.stop("TERM");
        assert!(stub.count("skytier") > 0, "it was written to");
    }
}
