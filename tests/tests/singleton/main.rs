//! `singleton = ".."`: no two sagas of a task run at a time, in whichever processes (O6).

mod holds;
mod hosts;
mod line;
mod lock;
mod starts;
mod turns;
mod world;
