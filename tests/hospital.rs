//! The deployment for a hospital, on a real Mosquitto: what must be rejected is rejected, and the rest works.

#[path = "support/mosquitto.rs"]
mod mosquitto;
#[path = "support/ward.rs"]
mod ward;

#[path = "hospital/client.rs"]
mod client;
#[path = "hospital/health.rs"]
mod health;
#[path = "hospital/site.rs"]
mod site;

use client::{Client, Login};
use site::{Site, USERS};

/// For how long the certificates of most tests hold, in days.
const DAYS: u32 = 365;

/// One topic of each kind, and who may write it.
const MAY_WRITE: [(&str, &[&str]); 25] = [
    ("vitals/icu-1/p-17", &["gateway-icu-1", "mon-17"]),
    ("vitals/icu-1/p-18", &["gateway-icu-1"]),
    ("vitals/ward-3/p-17", &["gateway-ward-3"]),
    ("vitals/icu-1/p-17/more", &[]),
    ("vitals/icu-1", &[]),
    ("patients/icu-1/p-17", &["adt", "wardwatch"]),
    ("devices/mon-17/status", &["mon-17"]),
    ("devices/gateway-icu-1/status", &["gateway-icu-1"]),
    ("devices/mon-18/status", &[]),
    ("commands/station-icu-1/icu-1/p-17", &["station-icu-1"]),
    ("commands/station-icu-1/ward-3/p-17", &[]),
    ("commands/station-ward-3/icu-1/p-17", &[]),
    ("replies/station-icu-1", &["wardwatch"]),
    ("receivers/pager-icu-1", &["pager-icu-1"]),
    ("receivers/pager-ward-3", &[]),
    ("confirmations/pager-icu-1", &["pager-icu-1"]),
    ("alerts/high/icu-1/p-17", &["wardwatch"]),
    ("state/icu-1/p-17", &["wardwatch"]),
    ("scores/news2/icu-1/p-17", &["wardwatch"]),
    ("rejected", &["wardwatch"]),
    ("system/wardwatch", &["wardwatch"]),
    ("system/another", &[]),
    ("probe/wardwatch", &["wardwatch"]),
    ("probe/wardwatch-commands", &["wardwatch"]),
    ("discharges/wardwatch", &["wardwatch"]),
];

/// Everybody, connected as the deployment means them to.
async fn connect(site: &Site, user: &str) -> Client {
    let login = match user {
        "wardwatch" => Login::as_service(site),
        user => Login::with_password(site, user),
    };
    Client::connect(&login).await.unwrap_or_else(|| panic!("{user} gets in: {}", site.log()))
}

#[tokio::test]
async fn nobody_gets_in_without_a_name_that_is_theirs() {
    let site = Site::open(DAYS).await;
    let stranger = Site::open(DAYS).await;
    let nobody = Login::nobody(&site);
    let of =
        |user: &str, password: String| Login { user: Some((user.to_owned(), password)), ..nobody.clone() };
    let rejected = [
        ("without TLS", Login { tls: None, ..Login::with_password(&site, "mon-17") }),
        ("without a name", nobody.clone()),
        ("with a wrong password", of("mon-17", site.password("records"))),
        ("with no password", of("mon-17", String::new())),
        ("as WardWatch with a password", of("wardwatch", site.password("mon-17"))),
        ("without a certificate where one is asked for", Login { port: site.ports[1], ..nobody.clone() }),
        ("with a password where a certificate is asked for", {
            Login { port: site.ports[1], ..Login::with_password(&site, "mon-17") }
        }),
        ("with a certificate of another authority", {
            Login { tls: Some(site.tls(Some((&stranger, "mon-17")))), port: site.ports[1], ..nobody.clone() }
        }),
        ("at WardWatch's door with a device's certificate", {
            Login { port: site.ports[2], ..Login::with_certificate(&site, "mon-17") }
        }),
        ("at the devices' door with WardWatch's certificate", Login::with_certificate(&site, "wardwatch")),
    ];
    for (how, login) in rejected {
        assert!(Client::connect(&login).await.is_none(), "somebody got in {how}");
    }
    // Whoever trusts another authority does not take this broker for its own.
    let cautious = Login { tls: Some(stranger.tls(None)), ..Login::with_password(&site, "mon-17") };
    assert!(Client::connect(&cautious).await.is_none(), "a broker was trusted that nobody vouches for");
    for user in USERS {
        let (password, certificate) =
            (Login::with_password(&site, user), Login::with_certificate(&site, user));
        assert!(Client::connect(&password).await.is_some(), "{user} with a password");
        assert!(Client::connect(&certificate).await.is_some(), "{user} with a certificate");
    }
    assert!(Client::connect(&Login::as_service(&site)).await.is_some(), "{}", site.log());
}

#[tokio::test]
async fn each_name_writes_only_what_is_its_own() {
    let site = Site::open(DAYS).await;
    for user in USERS.into_iter().chain(["wardwatch"]) {
        let mut client = connect(&site, user).await;
        for (topic, writers) in MAY_WRITE {
            let taken = client.publish(&format!("wardwatch/{topic}"), "{}").await;
            assert_eq!(taken, writers.contains(&user), "{user} on {topic}: {}", site.log());
            if !taken {
                // Mosquitto ends the connection of whoever says what it may not.
                client = connect(&site, user).await;
            }
        }
    }
}

/// Whoever listens to everything, and what of what is said each of them hears.
const HEARS: [(&str, &[&str]); 8] = [
    ("gateway-icu-1", &[]),
    ("mon-17", &[]),
    ("gateway-ward-3", &[]),
    ("adt", &["patients/icu-1/p-17", "rejected"]),
    ("pager-icu-1", &["alerts/high/icu-1/p-17"]),
    (
        "station-icu-1",
        &["replies/station-icu-1", "alerts/high/icu-1/p-17", "state/icu-1/p-17", "scores/news2/icu-1/p-17"],
    ),
    (
        "records",
        &[
            "vitals/icu-1/p-17",
            "vitals/icu-1/p-18",
            "vitals/ward-3/p-17",
            "patients/icu-1/p-17",
            "alerts/high/icu-1/p-17",
            "state/icu-1/p-17",
            "scores/news2/icu-1/p-17",
            "rejected",
        ],
    ),
    (
        "wardwatch",
        &[
            "vitals/icu-1/p-17",
            "vitals/icu-1/p-18",
            "vitals/ward-3/p-17",
            "patients/icu-1/p-17",
            "devices/mon-17/status",
            "devices/gateway-icu-1/status",
            "commands/station-icu-1/icu-1/p-17",
            "receivers/pager-icu-1",
            "confirmations/pager-icu-1",
            "state/icu-1/p-17",
            "probe/wardwatch",
            "probe/wardwatch-commands",
            "discharges/wardwatch",
        ],
    ),
];

#[tokio::test]
async fn each_name_hears_only_what_is_its_own() {
    let site = Site::open(DAYS).await;
    for (listener, expected) in HEARS {
        // The last that is said is what everybody may hear.
        let mut listening = match listener {
            "wardwatch" => {
                Client::connect(&Login { client_id: "listening".into(), ..Login::as_service(&site) }).await
            }
            name => Client::connect(&Login::with_certificate(&site, name)).await,
        }
        .expect("a connection");
        listening.subscribe("wardwatch/#").await;
        for (topic, writers) in MAY_WRITE.iter().filter(|(topic, _)| *topic != "system/wardwatch") {
            if let Some(writer) =
                writers.iter().find(|writer| **writer != listener || **writer == "wardwatch")
            {
                assert!(connect(&site, writer).await.publish(&format!("wardwatch/{topic}"), "{}").await);
            } else if writers.contains(&listener) {
                assert!(listening.publish(&format!("wardwatch/{topic}"), "{}").await);
            }
        }
        assert!(connect(&site, "wardwatch").await.publish("wardwatch/system/wardwatch", "{}").await);
        let mut heard = listening.hear_up_to("wardwatch/system/wardwatch").await;
        heard.pop();
        let expected: Vec<_> = expected.iter().map(|topic| format!("wardwatch/{topic}")).collect();
        assert_eq!(heard, expected, "{listener}");
    }
}

#[tokio::test]
async fn a_last_will_in_anothers_name_is_never_published() {
    let site = Site::open(DAYS).await;
    let mut service = connect(&site, "wardwatch").await;
    service.subscribe("wardwatch/#").await;
    let mon_17 = Login::with_password(&site, "mon-17");
    let own = "wardwatch/devices/mon-17/status";
    for topic in ["wardwatch/devices/mon-18/status", "wardwatch/patients/icu-1/p-17", own] {
        let will = Some(topic.to_owned());
        // Dropped without a goodbye.
        assert!(Client::connect(&Login { will, ..mon_17.clone() }).await.is_some(), "{}", site.log());
    }
    assert_eq!(service.hear_up_to(own).await, [own]);
}

#[tokio::test]
async fn nobody_throws_out_another_by_taking_its_client_id() {
    let site = Site::open(DAYS).await;
    let mut service = Client::connect(&Login { client_id: "wardwatch".into(), ..Login::as_service(&site) })
        .await
        .expect("a connection");
    for login in [Login::with_password(&site, "mon-17"), Login::with_certificate(&site, "mon-17")] {
        let taking = Login { client_id: "wardwatch".into(), ..login };
        assert!(Client::connect(&taking).await.is_some(), "it gets in under its own name");
        assert!(service.publish("wardwatch/system/wardwatch", "{}").await, "{}", site.log());
    }
}
