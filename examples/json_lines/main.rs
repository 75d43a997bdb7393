//! Tokens in a file of JSON lines: a store of your own. The chapter "Writing a repository" walks through it.
//!
//! ```text
//! cargo run --features conformance --example json_lines -- tokens.jsonl
//! ```
//!
//! Each run adds a member, hands out a token, opens the file again as a new process would, and asks whose token it is while
//! the member moves to another level, is disabled, enabled again, and deleted.

mod lines;
mod state;
mod store;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use tower_tokens::lifecycle::Tokens;

use store::JsonLinesRepository;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "tokens.jsonl".into()));
    let member = {
        let store = JsonLinesRepository::open(&path)?;
        store.add_member("member").await?
    };
    let issued = Tokens::new(JsonLinesRepository::open(&path)?).generate(&member).name("example").await?;

    let store = JsonLinesRepository::open(&path)?;
    let tokens = Tokens::new(store.clone());
    let ask = async |when: &str| match tokens.validate(issued.token()).await {
        Ok(Some(user)) => println!("{when}: the token names user {} ({})", user.id(), user.level()),
        Ok(None) => println!("{when}: the token is not valid"),
        Err(error) => println!("{when}: {error}"),
    };
    ask("opened again").await;
    store.move_member(&member, "admin").await?;
    ask("moved").await;
    store.shut_out_member(&member, true).await?;
    ask("shut out").await;
    store.shut_out_member(&member, false).await?;
    ask("let in again").await;
    store.remove_member(&member).await?;
    ask("gone").await;
    Ok(())
}
