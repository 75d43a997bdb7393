//! Tokens in a file of JSON lines: a store of your own. The chapter "Writing a repository" walks through it.
//!
//! ```text
//! cargo run --example json_lines -- tokens.jsonl
//! ```
//!
//! Each run adds a member, hands out a token, opens the file again as a new process would, and asks whose token it is.

mod lines;
mod state;
mod store;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use tower_tokens::tokens::Tokens;

use store::JsonLinesRepository;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "tokens.jsonl".into()));
    let store = JsonLinesRepository::open(&path)?;
    let member = store.add_member("member").await?;
    let issued = Tokens::new(store).generate(&member).name("example").await?;
    println!("issued a token to user {member}, record {}", issued.record().id());

    let tokens = Tokens::new(JsonLinesRepository::open(&path)?);
    match tokens.validate(issued.token()).await? {
        Some(user) => println!("it is the token of user {} ({})", user.id(), user.level()),
        None => println!("it is nobody's token"),
    }
    Ok(())
}
