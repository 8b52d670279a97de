//! The test kit for users: it must find what is wrong, say it well, and leave in peace what is right.

mod authors;
mod doubts;
mod every_crash;
mod hosts;
mod ledgers;
mod planted;
mod points;
mod readme;
mod scripts;
mod shop;
mod slow;
mod sound;
mod unheard;
