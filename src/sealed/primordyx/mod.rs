//! Tokens that Primordyx, a PHP framework, makes and opens.

mod cargo;
mod class;
mod empty_array;
mod json_text;
mod token;

pub use class::{MAX_PRIMORDYX_TEXT_BYTES, Primordyx};
pub use token::PrimordyxToken;
