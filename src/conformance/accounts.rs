//! Users and levels.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::conformance::StoreUnderTest;
use crate::conformance::helpers::*;
use crate::error::ErrorKind;
use crate::repository::{PageRequest, TokenRepository, User, UserRepository};
use crate::user::UserId;

/// `create_level` gives the level with this title if there is one. Titles are compared byte for byte.
pub async fn create_level_gives_the_one_that_is_there<R: TokenRepository + UserRepository>(store: R) {
    assert_eq!(store.levels().await.unwrap(), []);
    let admin = store.create_level("admin").await.unwrap();
    let member = store.create_level("member").await.unwrap();
    assert_eq!((admin.title(), member.title()), ("admin", "member"));
    assert_ne!(admin.id(), member.id());
    assert_eq!(store.create_level("admin").await.unwrap(), admin);
    let upper = store.create_level("Admin").await.unwrap();
    assert_ne!(upper.id(), admin.id(), "byte for byte");
    assert_eq!(store.levels().await.unwrap(), [admin, member, upper], "by id");
}

/// Many that create one level at once all get the same one.
pub async fn racing_creations_of_one_level_agree<R: TokenRepository + UserRepository>(store: R) {
    let store = Arc::new(store);
    let levels = race(&store, |store, _| async move { store.create_level("member").await.unwrap() }).await;
    assert!(levels.windows(2).all(|pair| pair[0] == pair[1]), "{levels:?}");
    assert_eq!(store.levels().await.unwrap(), levels[..1]);
}

/// Without an id the store gives the next integer, above those that callers chose.
pub async fn create_user_gives_the_next_integer<R: TokenRepository + UserRepository>(store: R) {
    store.create_level("member").await.unwrap();
    let first = store.create_user(None, "member").await.unwrap();
    let second = store.create_user(None, "member").await.unwrap();
    assert!(first.as_integer().unwrap() < second.as_integer().unwrap());
    // Where a store begins is its own affair.
    let by_hand = second.as_integer().unwrap() + 500;
    store.create_user(Some(UserId::from(by_hand)), "member").await.unwrap();
    store.create_user(Some(UserId::from((by_hand + 400).to_string())), "member").await.unwrap();
    assert_eq!(store.create_user(None, "member").await.unwrap(), UserId::from(by_hand + 1));
}

/// The number of a deleted user is not given to another user, even if it was the highest or was chosen by the caller: other
/// tables, and sealed tokens, may still name it.
pub async fn create_user_never_gives_a_number_twice<R: TokenRepository + UserRepository>(store: R) {
    store.create_level("member").await.unwrap();
    let first = store.create_user(None, "member").await.unwrap();
    assert!(store.delete_user(&first).await.unwrap());
    let second = store.create_user(None, "member").await.unwrap();
    assert_ne!(second, first);
    let by_hand = UserId::from(second.as_integer().unwrap() + 2);
    store.create_user(Some(by_hand.clone()), "member").await.unwrap();
    let third = store.create_user(None, "member").await.unwrap();
    for user in [&third, &by_hand, &second] {
        assert!(store.delete_user(user).await.unwrap());
    }
    for _ in 0..3 {
        let next = store.create_user(None, "member").await.unwrap();
        assert!(![&first, &second, &by_hand, &third].contains(&&next), "{next:?} was given before");
    }
}

/// Many that create users at once all get users of their own.
pub async fn racing_creations_of_users_get_different_ids<R: TokenRepository + UserRepository>(store: R) {
    store.create_level("member").await.unwrap();
    let store = Arc::new(store);
    let ids = race(&store, |store, _| async move { store.create_user(None, "member").await.unwrap() }).await;
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), RACERS);
}

/// `create_user` refuses an id that is taken and a level that does not exist.
pub async fn create_user_refuses_what_contradicts_itself<R: TokenRepository + UserRepository>(store: R) {
    let admin = store.create_level("admin").await.unwrap();
    store.create_level("member").await.unwrap();
    for id in [UserId::from(7), UserId::from("ann@example.com")] {
        assert_eq!(store.create_user(Some(id.clone()), "admin").await.unwrap(), id);
        let error = store.create_user(Some(id.clone()), "member").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        let user = store.user(&id).await.unwrap();
        assert_eq!(user, Some(User { id, level: admin.clone(), disabled: false }), "the first one stays as it was");
    }
    let error = store.create_user(None, "owner").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LevelNotFound);
    assert_eq!(store.users(PageRequest::default()).await.unwrap().items.len(), 2, "a refused user is nowhere");
}

/// `1` and `"1"` are two users with tokens of their own.
pub async fn integer_and_text_ids_are_different_users<R: TokenRepository + UserRepository>(store: R) {
    store.create_level("member").await.unwrap();
    store.create_level("admin").await.unwrap();
    let ids = ["1", "01", "1.0", "", "O'Brien; --", "ünï-🦀", "018f4e2a-7c1b-7d32-9a54-0123456789ab"].map(UserId::from);
    let ids: Vec<_> = [1, -1, 0, i64::MIN, i64::MAX].map(UserId::from).into_iter().chain(ids).collect();
    for (number, id) in ids.iter().enumerate() {
        let level = if number % 2 == 0 { "member" } else { "admin" };
        assert_eq!(&store.create_user(Some(id.clone()), level).await.unwrap(), id);
        insert(&store, &text(number), id, record(number as i64 + 1, hour())).await;
    }
    for (number, id) in ids.iter().enumerate() {
        let found = find(&store, &text(number), at(1)).await.expect("the token is valid");
        assert_eq!((found.user(), found.level().title()), (id, ["member", "admin"][number % 2]));
        assert_eq!(listed(&store, id, at(1)).await, [found.record().id()]);
        assert_eq!(store.user(id).await.unwrap().expect("the user is there").id, *id);
    }
    store.set_disabled(&UserId::from("1"), true).await.unwrap();
    assert!(is_valid(&store, &text(0), at(1)).await, "1 is not disabled with \"1\"");
    assert!(store.delete_user(&UserId::from(1)).await.unwrap());
    assert!(store.user(&UserId::from("1")).await.unwrap().is_some(), "\"1\" is not deleted with 1");
}

/// The users by id, integers before texts, in pages.
pub async fn users_are_listed_by_id_in_pages<R: TokenRepository + UserRepository>(store: R) {
    let level = store.create_level("member").await.unwrap();
    let ordered = [
        UserId::from(-3),
        UserId::from(2),
        UserId::from(10),
        UserId::from("10"),
        UserId::from("2"),
        UserId::from("B"),
        UserId::from("a"),
    ];
    for id in [3, 6, 0, 5, 1, 4, 2].map(|place: usize| ordered[place].clone()) {
        store.create_user(Some(id), "member").await.unwrap();
    }
    store.set_disabled(&ordered[3], true).await.unwrap();
    let (mut request, mut users, mut sizes) = (PageRequest::first(3), Vec::new(), Vec::new());
    loop {
        let page = store.users(request).await.unwrap();
        sizes.push(page.items.len());
        users.extend(page.items);
        match page.next {
            Some(next) => request = next,
            None => break,
        }
    }
    assert_eq!(sizes, [3, 3, 1]);
    let expected = ordered.iter().enumerate();
    let expected = expected.map(|(place, id)| User { id: id.clone(), level: level.clone(), disabled: place == 3 });
    assert_eq!(users, expected.collect::<Vec<_>>());
}

/// `change_level` refuses a user and a level that do not exist.
pub async fn change_level_refuses_what_is_not_there<R: TokenRepository + UserRepository>(store: R) {
    let admin = store.create_level("admin").await.unwrap();
    store.create_level("member").await.unwrap();
    let user = store.create_user(None, "member").await.unwrap();
    assert_eq!(store.change_level(&user, "owner").await.unwrap_err().kind(), ErrorKind::LevelNotFound);
    assert_eq!(store.user(&user).await.unwrap().unwrap().level.title(), "member");
    let absent = store.change_level(&store.absent_user(), "admin").await.unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::UserNotFound);
    assert_eq!(store.change_level(&user, "admin").await.unwrap(), admin, "it gives the level");
    assert_eq!(store.user(&user).await.unwrap().unwrap().level, admin);
    let again = store.change_level(&user, "admin").await.expect("a change to the present level is not an error");
    assert_eq!(again, admin);
}

/// A disabled user is shown as disabled, and can be enabled again. A user who does not exist is an error.
pub async fn set_disabled_is_for_those_who_are_there<R: TokenRepository + UserRepository>(store: R) {
    let user = member(&store).await;
    let absent = store.set_disabled(&store.absent_user(), true).await.unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::UserNotFound);
    for disabled in [true, true, false, false] {
        store.set_disabled(&user, disabled).await.unwrap();
        assert_eq!(store.user(&user).await.unwrap().unwrap().disabled, disabled);
    }
}

/// `delete_user` deletes the tokens too, and a new user with the same id does not get them back.
pub async fn delete_user_takes_their_tokens<R: TokenRepository + UserRepository>(store: R) {
    let (user, other) = (member(&store).await, member(&store).await);
    insert(&store, &text(1), &user, record(1, hour())).await;
    insert(&store, &text(2), &other, record(2, hour())).await;
    assert!(store.delete_user(&user).await.unwrap());
    assert!(!store.delete_user(&user).await.unwrap(), "they are gone already");
    assert_eq!(store.user(&user).await.unwrap(), None);
    store.create_user(Some(user.clone()), "member").await.unwrap();
    assert!(!is_valid(&store, &text(1), at(1)).await);
    assert_eq!(listed(&store, &user, at(1)).await, []);
    insert(&store, &text(1), &user, record(1, hour())).await;
    assert!(is_valid(&store, &text(2), at(1)).await, "others stay");
}

/// A token that is being made for a user who is being deleted does not outlive them.
pub async fn no_token_outlives_a_racing_delete_user<R: TokenRepository + UserRepository>(store: R) {
    let user = member(&store).await;
    let store = Arc::new(store);
    race(&store, |store, number| {
        let user = user.clone();
        async move {
            if number == RACERS / 2 {
                assert!(store.delete_user(&user).await.unwrap());
            } else if let Err(error) =
                try_insert(&*store, &text(number), &user, record(number as i64 + 1, hour())).await
            {
                assert_eq!(error.kind(), ErrorKind::UserNotFound);
            }
        }
    })
    .await;
    store.create_user(Some(user.clone()), "member").await.unwrap();
    for number in 0..RACERS {
        assert!(!is_valid(&*store, &text(number), at(1)).await);
    }
}
