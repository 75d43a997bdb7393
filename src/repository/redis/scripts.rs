//! The scripts, each one atomic step.

use std::sync::LazyLock;

use redis::Script;

/// A script after the lines that most of them begin with. Redis keeps it under its hash, which is all that is sent.
macro_rules! scripts {
    ($($name:ident = $file:literal)+) => {
        $(
            pub(super) static $name: LazyLock<Script> =
                LazyLock::new(|| Script::new(concat!(include_str!("scripts/common.lua"), include_str!($file))));
        )+
    };
}

/// It stands alone, because it runs on each validation.
pub(super) static FIND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/find.lua")));

/// It is the same for a store and for a bus beside one.
pub(super) static PUBLISH: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/publish.lua")));

scripts! {
    INSERT = "scripts/insert.lua"
    DELETE = "scripts/delete.lua"
    DELETE_BY_ID = "scripts/delete_by_id.lua"
    REPLACE = "scripts/replace.lua"
    TOUCH = "scripts/touch.lua"
    DELETE_BY_USER = "scripts/delete_by_user.lua"
    SWEEP = "scripts/sweep.lua"
    LIST_BY_USER = "scripts/list_by_user.lua"
    DELETE_EXPIRED = "scripts/delete_expired.lua"
    SUPERSEDE = "scripts/supersede.lua"
    ROTATION = "scripts/rotation.lua"
    ROTATE = "scripts/rotate.lua"
    CREATE_LEVEL = "scripts/create_level.lua"
    LEVELS = "scripts/levels.lua"
    CREATE_USER = "scripts/create_user.lua"
    NEXT_USER = "scripts/next_user.lua"
    USERS = "scripts/users.lua"
    USER = "scripts/user.lua"
    CHANGE_LEVEL = "scripts/change_level.lua"
    SET_DISABLED = "scripts/set_disabled.lua"
    DELETE_USER = "scripts/delete_user.lua"
}
