//! No statement of a database server's store scans a table, and each is prepared once a connection.

mod catalogue;
mod mysql;
mod own_users;
mod postgres;

use time::Duration;
use tower_tokens::clock::Timestamp;
use tower_tokens::repository::{NewToken, PageRequest, Replacement, TokenRepository, UserRepository};
use tower_tokens::token::{Lifetime, NewLimits, TokenId, TokenKey, TokenKinds, TokenRecord};
use tower_tokens::user::UserId;

const NOW: Timestamp = Timestamp::from_unix_seconds(10);

/// Calls every method of a store that holds thousands of users, each with one token: the text of a token, the id of its
/// record and the id of its user are the same number. `called` gets the name of each method after its call.
async fn call_everything(store: &(impl TokenRepository + UserRepository), mut called: impl AsyncFnMut(&str)) {
    let key = |text: &'static str| TokenKey::new(text);
    let user = |number: i64| UserId::from(format!("u{number}"));
    let record = |id: i64| TokenRecord::new(TokenId::new(id), NOW, Lifetime::hours(1));
    store.insert(NewToken { key: key("new"), user: &user(7), record: record(7_777) }).await.unwrap();
    called("insert").await;
    store.find(key("new"), NOW).await.unwrap().unwrap();
    called("find").await;
    let replacement =
        Replacement { old: key("new"), new: key("newer"), limits: NewLimits::Keep, authenticated_at: None, now: NOW };
    store.replace(replacement).await.unwrap().unwrap();
    called("replace").await;
    store.touch(&user(7), TokenId::new(7_777), NOW + Duration::MINUTE).await.unwrap();
    called("touch").await;
    store.list_by_user(&user(7), TokenKinds::ALL, PageRequest::first(10), NOW).await.unwrap();
    called("list_by_user").await;
    store.delete(key("newer")).await.unwrap();
    called("delete").await;
    store.delete_by_id(&user(8), TokenId::new(8)).await.unwrap();
    called("delete_by_id").await;
    store.delete_by_user(&user(9), TokenKinds::ALL, Some(TokenId::new(1))).await.unwrap();
    called("delete_by_user, but one").await;
    store.delete_by_user(&user(10), TokenKinds::ALL, None).await.unwrap();
    called("delete_by_user").await;
    store.delete_expired(NOW, 5).await.unwrap();
    called("delete_expired").await;
    let created = store.create_user(None, "member").await.unwrap();
    called("create_user").await;
    store.user(&created).await.unwrap().unwrap();
    called("user").await;
    store.users(PageRequest::first(5)).await.unwrap();
    called("users").await;
    store.change_level(&created, "member").await.unwrap();
    called("change_level").await;
    store.set_disabled(&created, true).await.unwrap();
    called("set_disabled").await;
    store.delete_user(&created).await.unwrap();
    called("delete_user").await;
}
