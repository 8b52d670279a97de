//! Codecs: what each can express, what becomes of bytes that it cannot read, and a change of the
//! codec that rolls through the processes of a deployment.

mod messages;
mod odd_values;
mod process;
mod rolling;
