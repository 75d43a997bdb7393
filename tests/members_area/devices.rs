//! The account page: which devices are logged in, and ending them.

use time::Duration;

use crate::server::{PASSWORD, Server};
use crate::visitor::{Answer, Visitor};

const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                     Version/18.5 Mobile/15E148 Safari/604.1";

#[tokio::test]
async fn the_account_page_lists_this_users_devices_and_no_others() {
    let server = Server::start().await;
    let mut laptop = server.member("ann").await;
    server.member("bob").await;
    server.advance(Duration::minutes(5));
    phone_of(&server, "ann").await;

    let page = laptop.get("/account").await;
    let devices = devices(&page);
    assert_eq!(devices.len(), 2, "{devices:?}");
    assert_eq!(devices[0].name, "Safari on iPhone", "the newest first");
    assert_eq!(devices[1].name, "Firefox on Linux");
    assert_eq!((devices[0].is_this, devices[1].is_this), (false, true));
    assert!(devices[0].times.contains("Logged in just now · not used since"), "{devices:?}");
    assert!(devices[1].times.contains("Logged in 5 minutes ago · last used just now"), "{devices:?}");
    assert!(devices[1].times.contains("ends 2026-11-22 12:00 UTC"), "{devices:?}");
}

#[tokio::test]
async fn a_device_that_is_ended_is_out_at_its_next_request() {
    let server = Server::start().await;
    let mut laptop = server.member("ann").await;
    let mut phone = phone_of(&server, "ann").await;
    assert!(phone.is_in().await);

    let listed = devices(&laptop.get("/account").await);
    let lost = listed.iter().find(|device| !device.is_this).unwrap();
    let answer = laptop.post(&lost.end, &[]).await;
    assert_eq!((answer.status, answer.location()), (303, "/account?notice=ended"));
    assert!(!phone.is_in().await);
    assert!(laptop.is_in().await);
    assert_eq!(devices(&laptop.get("/account").await).len(), 1);
    assert_eq!(laptop.post(&lost.end, &[]).await.status, 404, "it is ended already");
}

#[tokio::test]
async fn a_user_cannot_end_the_device_of_another_user() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    let mut bob = server.member("bob").await;
    let end = devices(&ann.get("/account").await).remove(0).end;
    assert_eq!(bob.post(&end, &[]).await.status, 404);
    let answer = server.visitor().post(&end, &[]).await;
    assert_eq!((answer.status, answer.location()), (303, "/login"), "a person who has to log in first");
    assert!(ann.is_in().await);
    assert_eq!(ann.post("/account/devices/not-a-number/end", &[]).await.status, 404);
}

#[tokio::test]
async fn all_other_devices_are_ended_at_once() {
    let server = Server::start().await;
    let mut laptop = server.member("ann").await;
    let mut others = [phone_of(&server, "ann").await, phone_of(&server, "ann").await];
    let mut bob = server.member("bob").await;

    let answer = laptop.post("/account/devices/end-others", &[]).await;
    assert_eq!((answer.status, answer.location()), (303, "/account?notice=ended-others"));
    for other in &mut others {
        assert!(!other.is_in().await);
    }
    assert!(laptop.is_in().await);
    assert!(bob.is_in().await);
}

#[tokio::test]
async fn ending_this_device_is_logging_out() {
    let server = Server::start().await;
    let mut ann = server.member("ann").await;
    let end = devices(&ann.get("/account").await).remove(0).end;
    let answer = ann.post(&end, &[]).await;
    assert_eq!((answer.status, answer.location()), (303, "/login?notice=logged-out"));
    assert_eq!(answer.cookie().unwrap().max_age(), Some(Duration::ZERO));
    assert!(!ann.is_in().await);
}

#[derive(Debug)]
struct Device {
    name: String,
    times: String,
    end: String,
    is_this: bool,
}

fn devices(page: &Answer) -> Vec<Device> {
    assert_eq!(page.status, 200, "{page:?}");
    let between = |text: &str, before: &str, after: &str| {
        text.split_once(before).and_then(|(_, rest)| rest.split_once(after)).unwrap().0.to_owned()
    };
    let read = |item: &str| Device {
        name: between(item, "<strong>", "</strong>"),
        times: between(item, r#"<p class="hint">"#, "</p>"),
        end: between(item, r#"action=""#, "\""),
        is_this: item.contains(r#"<span class="tag">this device</span>"#),
    };
    page.body.split(r#"<li class="device""#).skip(1).map(read).collect()
}

async fn phone_of(server: &Server, name: &str) -> Visitor {
    let mut phone = server.visitor().with_user_agent(PHONE);
    assert_eq!(phone.log_in_remembered(name, PASSWORD).await.status, 303);
    phone
}
