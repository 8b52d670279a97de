//! What the compiler tells of half an attribute is all that is told.

use distributed_task::prelude::*;

#[distributed_task(request = u32, response = u32)]
struct NoParentheses;

#[steps]
impl NoParentheses {
    #[step compensate = release]
    fn hold(&self) -> u32 {
        1
    }

    fn release(&self) {}
}

#[distributed_task(request = u32, response = u32)]
struct TooMuch;

#[steps]
impl TooMuch {
    #[step(read_only)]
    fn look(&self) -> u32 {
        1
    }

    #[step(read_only) extra]
    fn look_again(&self, look: &u32) -> u32 {
        *look
    }
}

#[distributed_task(request = u32, response = u32)]
struct NotOurs;

#[steps]
impl NotOurs {
    #[step(read_only)]
    #[allow unused]
    fn look(&self) -> u32 {
        1
    }
}

fn main() {
    let _ = NoParentheses::builder().use_in_process_mode();
    let _ = TooMuch::builder().use_in_process_mode();
    let _ = (NoParentheses.hold(), TooMuch.look_again(&1), NotOurs.look());
}
