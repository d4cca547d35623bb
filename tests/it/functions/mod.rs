//! The functions, one file each. The exact texts of problems are asserted in `texts.rs` only.

mod block_user;
mod common;
mod create_identity;
mod delete_identity;
mod delete_me;
mod docs;
mod exchange_teams_token;
mod guest_rules;
mod guests;
mod health;
mod issue_token;
mod my_teams_token;
mod my_token;
mod other_users;
mod revoke_my_tokens;
mod revoke_tokens;
mod teams_phone;
mod texts;
mod unblock_user;
