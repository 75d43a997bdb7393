//! A host of its own for the proxy: a network namespace, joined to this one by two virtual interfaces. What is lost on the
//! way is lost by the kernel, as between two machines.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The host on the other side is `10.254.N.1`; this side's addresses begin at `10.254.N.10`.
const FIRST: u8 = 10;

/// Deleted with its interfaces when it is dropped.
pub(super) struct Network {
    number: u8,
    /// The last byte of the address that new connections come from.
    source: AtomicU8,
}

impl Network {
    /// A network that no other test uses. `None` where namespaces may not be made: without root, or in some containers.
    pub(super) fn new() -> Option<Self> {
        delete_leftovers();
        let number = (0..=u8::MAX).find(|number| {
            let (outside, space) = (interface(*number), space(*number));
            // Of several tests that want a number, one can add the interface.
            let pair = ["link", "add", &outside, "type", "veth", "peer", "name", "inside", "netns", &space];
            ip(&["netns", "add", &space]) && (ip(&pair) || !ip(&["netns", "delete", &space]))
        })?;
        let network = Self { number, source: AtomicU8::new(FIRST) };
        let (outside, space) = (interface(number), space(number));
        let there = format!("{}/24", network.address(1));
        let is_up = network.has_address(FIRST)
            && ip(&["link", "set", &outside, "up"])
            && ip(&["-n", &space, "address", "add", &there, "dev", "inside"])
            && ip(&["-n", &space, "link", "set", "inside", "up"])
            && network.leads_from("replace", FIRST);
        is_up.then_some(network)
    }

    /// Listens on the other side.
    pub(super) fn listen(&self) -> TcpListener {
        let (space, address) = (space(self.number), SocketAddr::from((self.address(1), 0)));
        // A socket stays in the namespace in which it was made; the thread that enters it ends.
        let listening = std::thread::spawn(move || {
            let space = std::fs::File::open(format!("/run/netns/{space}")).unwrap();
            move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            TcpListener::bind(address).unwrap()
        });
        listening.join().unwrap()
    }

    /// A blackhole route for the address that all open connections come from: the other side's packets to it are lost
    /// without a sign. New connections come from another address.
    pub(super) fn forget_open_connections(&self) {
        let old = self.source.fetch_add(1, Ordering::SeqCst);
        let blackhole = format!("{}/32", self.address(old));
        assert!(self.has_address(old + 1) && self.leads_from("replace", old + 1));
        assert!(ip(&["-n", &space(self.number), "route", "add", "blackhole", &blackhole]));
    }

    fn address(&self, last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 254, self.number, last)
    }

    fn has_address(&self, last: u8) -> bool {
        let address = format!("{}/24", self.address(last));
        ip(&["address", "add", &address, "dev", &interface(self.number)])
    }

    fn leads_from(&self, verb: &str, last: u8) -> bool {
        let (there, source) = (format!("{}/32", self.address(1)), self.address(last).to_string());
        ip(&["route", verb, &there, "dev", &interface(self.number), "src", &source])
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        ip(&["netns", "delete", &space(self.number)]);
        // Open sockets keep a namespace alive, and its end of the pair with it.
        ip(&["link", "delete", &interface(self.number)]);
    }
}

/// The process is in the name, so that what a killed test left behind can be deleted.
fn space(number: u8) -> String {
    format!("tower-tokens-{}-{number}", std::process::id())
}

fn interface(number: u8) -> String {
    format!("ttokens{number}")
}

fn delete_leftovers() {
    for entry in std::fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let Some((process, number)) = name.strip_prefix("tower-tokens-").and_then(|rest| rest.split_once('-')) else {
            continue;
        };
        if !std::path::Path::new("/proc").join(process).exists() {
            ip(&["netns", "delete", &name]);
            ip(&["link", "delete", &format!("ttokens{number}")]);
        }
    }
}

fn ip(arguments: &[&str]) -> bool {
    Command::new("ip").args(arguments).output().is_ok_and(|output| output.status.success())
}
