//! Sealed tokens beside what people use today, in one run: a private cookie, a JWT (HS256), a PASETO (v4.local), all with
//! the same payload of 256 bytes, opened to the same type and checked for their expiry.
//!
//! `cargo run --release --manifest-path benches/compare/Cargo.toml`

#[path = "../../sealed/contest.rs"]
mod contest;
#[path = "../../sealed/measure.rs"]
mod measure;

use std::hint::black_box;

use cookie::{Cookie, CookieJar};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use pasetors::claims::{Claims, ClaimsValidationRules};
use pasetors::keys::{Generate, SymmetricKey};
use pasetors::token::UntrustedToken;
use pasetors::version4::V4;
use pasetors::{Local, local};
use serde::{Deserialize, Serialize};

use contest::Payload;
use measure::Table;

/// A JWT has its times beside the payload.
#[derive(Serialize, Deserialize)]
struct Jwt {
    exp: i64,
    iat: i64,
    payload: Payload,
}

fn main() {
    let mut open = Table::new("opening 256 bytes");
    contest::add_open(&mut open);
    add_cookie_open(&mut open);
    add_jwt_open(&mut open);
    add_paseto_open(&mut open);
    open.run();

    let mut seal = Table::new("sealing 256 bytes");
    contest::add_seal(&mut seal);
    add_cookie_seal(&mut seal);
    add_jwt_seal(&mut seal);
    add_paseto_seal(&mut seal);
    seal.run();
}

fn add_cookie_open(table: &mut Table) {
    let key = cookie::Key::generate();
    let mut jar = CookieJar::new();
    jar.private_mut(&key).add(("token", serde_json::to_string(&Payload::of_256_bytes()).unwrap()));
    let text = jar.get("token").unwrap().value().to_owned();
    table.add("cookie, private jar (no expiry)", move || {
        let jar = CookieJar::new();
        let cookie = jar.private(&key).decrypt(Cookie::new("token", black_box(&text).clone())).unwrap();
        black_box(serde_json::from_str::<Payload>(cookie.value()).unwrap());
    });
}

fn add_cookie_seal(table: &mut Table) {
    let (key, payload) = (cookie::Key::generate(), Payload::of_256_bytes());
    table.add("cookie, private jar (no expiry)", move || {
        let mut jar = CookieJar::new();
        jar.private_mut(&key).add(("token", serde_json::to_string(black_box(&payload)).unwrap()));
        black_box(jar.get("token").unwrap().value());
    });
}

fn jwt() -> Jwt {
    let iat = time::OffsetDateTime::now_utc().unix_timestamp();
    Jwt { exp: iat + 3_600, iat, payload: Payload::of_256_bytes() }
}

fn add_jwt_open(table: &mut Table) {
    let text = jsonwebtoken::encode(&Header::default(), &jwt(), &EncodingKey::from_secret(&[7; 32])).unwrap();
    let (key, validation) = (DecodingKey::from_secret(&[7; 32]), Validation::new(Algorithm::HS256));
    table.add("jsonwebtoken, HS256 (not encrypted)", move || {
        black_box(jsonwebtoken::decode::<Jwt>(black_box(&text), &key, &validation).unwrap());
    });
}

fn add_jwt_seal(table: &mut Table) {
    let (key, header) = (EncodingKey::from_secret(&[7; 32]), Header::default());
    table.add("jsonwebtoken, HS256 (not encrypted)", move || {
        black_box(jsonwebtoken::encode(&header, black_box(&jwt()), &key).unwrap());
    });
}

fn paseto(key: &SymmetricKey<V4>, payload: &Payload) -> String {
    let mut claims = Claims::new().unwrap();
    claims.add_additional("payload", serde_json::to_value(payload).unwrap()).unwrap();
    local::encrypt(key, &claims, None, Some(b"password reset")).unwrap()
}

fn add_paseto_open(table: &mut Table) {
    let key = SymmetricKey::<V4>::generate().unwrap();
    let (text, rules) = (paseto(&key, &Payload::of_256_bytes()), ClaimsValidationRules::new());
    table.add("pasetors, v4.local", move || {
        let untrusted = UntrustedToken::<Local, V4>::try_from(black_box(&text)).unwrap();
        let opened = local::decrypt(&key, &untrusted, &rules, None, Some(b"password reset")).unwrap();
        let payload = opened.payload_claims().unwrap().get_claim("payload").unwrap();
        black_box(Payload::deserialize(payload).unwrap());
    });
}

fn add_paseto_seal(table: &mut Table) {
    let (key, payload) = (SymmetricKey::<V4>::generate().unwrap(), Payload::of_256_bytes());
    table.add("pasetors, v4.local", move || {
        black_box(paseto(&key, black_box(&payload)));
    });
}
