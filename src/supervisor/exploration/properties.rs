//! What has to be true of every [`Moment`]. The numbers of milliseconds are the contract's.

use super::*;

// ---- Signals (contract 3, 6.1, 6.2) ----

/// Contract 3.1, 6.2: whatever was received is forwarded or dropped, once. A stop signal that is held back is so later, in
/// one go with its copies.
#[test]
fn each_received_signal_is_forwarded_once_or_dropped_once() {
    whenever(
        // A main child that cannot be killed leaves nobody to answer for what is held.
        |moment| !(moment.case.pauses || moment.ending().is_some() && moment.has_main_child),
        |moment| {
            let forwarded_as =
                |received| moment.case.rewritten(received).unwrap_or(received).signal;
            let received = moment.received();
            let is_received = |signal: Signal| received.map(forwarded_as) == Some(signal);
            let is_answer = |step, signal: Signal| {
                let is_drop_of_received = |dropped| {
                    received.is_some_and(|it| it.signal == dropped) && is_received(signal)
                };
                matches!(step, Step::Forward(_, forwarded) if forwarded.signal == signal)
                    || matches!(step, Step::Drop(dropped, _)
                        if is_drop_of_received(dropped) || received.is_none() && dropped == signal)
            };
            let is_held = |facts: &Facts, signal| usize::from(facts.held.contains(signal));
            Signal::all().all(|signal| {
                let held = is_held(&moment.before, signal);
                let is_copy = held == 1 && is_received(signal) && moment.steps.is_empty();
                let answers = moment.count(|step| is_answer(step, signal));
                held + usize::from(is_received(signal) && !is_copy)
                    == answers + is_held(&moment.after, signal)
            })
        },
    );
    whenever(
        |moment| moment.is_death() && moment.before.held != SignalSet::EMPTY,
        |moment| moment.after.held == SignalSet::EMPTY,
    );
}

/// Contract 3.2, 3.4, 6.2: what is forwarded is what was received, its value with it, but for all but the first of those that
/// were held back. A key at the terminal is for the whole group.
#[test]
fn a_signal_is_forwarded_as_it_was_received_to_whom_it_is_for() {
    let can_be = |moment: &Moment, event: &Event, forwarded: Received| {
        let Event::Signal(received) = event else {
            return false;
        };
        let was_held = moment.before.held.contains(forwarded.signal);
        moment.case.rewritten(*received).is_some_and(|it| {
            let is_key = it.code == Code::Terminal;
            let without_value = Received {
                code: if is_key { it.code } else { Code::User },
                ..Received::from_nobody(it.signal)
            };
            it == forwarded || was_held && without_value == forwarded
        })
    };
    whenever(
        |moment| !moment.forwarded().is_empty(),
        |moment| {
            let is_wrong = |target, forwarded| {
                let was_received = EVENTS.iter().any(|event| can_be(moment, event, forwarded));
                target != moment.case.target(forwarded) || !was_received
            };
            moment.before.has_main_child
                && !moment.does(|step| {
                    matches!(step, Step::Forward(target, forwarded) if is_wrong(target, forwarded))
                })
        },
    );
}

/// Contract 3.3, 3.5: what the init raised itself, or was asked to drop, is dropped, and nothing else comes of it.
#[test]
fn a_dropped_signal_begins_nothing() {
    whenever(
        |moment| {
            let rewritten = |received| moment.case.rewritten(received);
            moment
                .received()
                .is_some_and(|received| rewritten(received).is_none())
        },
        |moment| {
            let is_drop = |(_, step): &(_, Step)| {
                matches!(
                    step,
                    Step::Drop(_, DropReason::CausedByPidling | DropReason::RewrittenTo0)
                )
            };
            moment.steps.len() == 1 && moment.steps.iter().all(is_drop) && !moment.changed
        },
    );
}

/// Contract 6.1: the first stop signal begins the shutdown, before anything else is done, and nothing else ever does.
#[test]
fn a_shutdown_begins_once_and_with_a_stop_signal() {
    let begins = |step| matches!(step, Step::BeginShutdown(..));
    whenever(
        |moment| moment.stop().is_some() && moment.before.began.is_none(),
        |moment| {
            let signal = moment.stop().map(|received| received.signal);
            let delay = moment.case.options.stop_delay;
            signal.is_some_and(|signal| {
                moment.steps.first() == Some(&(moment.at, Step::BeginShutdown(signal, delay)))
            })
        },
    );
    whenever(
        |moment| moment.does(begins),
        |moment| {
            moment.count(begins) == 1
                && moment.before.began.is_none()
                && moment
                    .received()
                    .is_some_and(|received| moment.case.is_stop(received))
        },
    );
}

/// Contract 6.2: a stop signal that is held back, and its copies within 100 ms, are not forwarded before the delay is over.
#[test]
fn with_a_stop_delay_a_stop_signal_and_its_copies_are_held_back() {
    whenever(
        |moment| {
            let is_copy = |began| moment.at.since(began) < Milliseconds(100);
            moment.case.options.stop_delay.is_some()
                && moment.stop().is_some()
                && (moment.before.began.is_none()
                    || moment.before.held != SignalSet::EMPTY
                        && moment.before.began.is_some_and(is_copy))
        },
        |moment| !moment.does(|step| matches!(step, Step::Forward(..))),
    );
}

/// Contract 6.2: a second stop signal at least 100 ms after the first ends the delay, and is forwarded after it.
#[test]
fn a_second_stop_signal_ends_the_delay() {
    whenever(
        |moment| {
            moment.stop().is_some()
                && moment.before.held != SignalSet::EMPTY
                && moment
                    .before
                    .began
                    .is_some_and(|began| moment.at.since(began) >= Milliseconds(100))
        },
        |moment| {
            let second = moment
                .stop()
                .and_then(|received| moment.case.rewritten(received));
            moment.after.held == SignalSet::EMPTY
                && moment.forwarded().len() >= 2
                && moment.forwarded().last().copied() == second.map(|second| second.signal)
        },
    );
}

/// Contract 6.2: what is held back goes out when the delay is over, and only then or with a second stop signal.
#[test]
fn the_end_of_the_delay_forwards_what_was_held_back() {
    let is_over = |moment: &Moment| {
        let began = moment.before.began;
        let until = began
            .zip(moment.case.options.stop_delay)
            .map(|(began, delay)| began.after(delay));
        until.is_some_and(|until| until <= moment.at)
    };
    let is_killing = |moment: &Moment| {
        moment.before.killed.is_some()
            || moment
                .deadline_before
                .is_some_and(|deadline| deadline <= moment.at)
    };
    whenever(
        |moment| moment.event.is_wake_up() && moment.before.held != SignalSet::EMPTY,
        |moment| {
            let goes_out = is_over(moment) && !is_killing(moment);
            moment.forwarded().is_empty() != goes_out
                && (moment.after.held == SignalSet::EMPTY) == goes_out
        },
    );
}

/// Contract 6.2: other signals pass while a stop signal is held back.
#[test]
fn other_signals_pass_during_the_delay() {
    whenever(
        |moment| {
            let rewritten = moment
                .received()
                .and_then(|received| moment.case.rewritten(received));
            rewritten.is_some() && moment.stop().is_none() && moment.before.held != SignalSet::EMPTY
        },
        |moment| moment.forwarded().len() == 1 && moment.after.held == moment.before.held,
    );
}

/// Contract 5.3, 10.3: `dumb-init` stops with the job, after the signal that it forwards, until a shutdown begins.
#[test]
fn dumb_init_alone_stops_itself() {
    let is_stop = |step| matches!(step, Step::StopItself);
    whenever(
        |moment| {
            let signal = moment.received().map(|received| received.signal);
            moment.case.words == "dumb-init" && signal == Some(Signal::TSTP)
        },
        |moment| {
            let stops = moment.before.began.is_none();
            moment.forwarded() == [Signal::STOP]
                && moment.steps.len() == 1 + usize::from(stops)
                && moment.does(is_stop) == stops
        },
    );
    whenever(
        |moment| moment.does(is_stop),
        |moment| moment.case.words == "dumb-init",
    );
}

// ---- Children (contract 4, 5) ----

/// Contract 4.5.
#[test]
fn it_never_ends_before_the_main_child_was_reaped_unless_it_gave_up() {
    whenever(
        |moment| moment.ending().is_some() && moment.after.has_main_child,
        |moment| moment.does(|step| matches!(step, Step::GiveUp(_))),
    );
}

/// Contract 4.4, 6.3, 6.4: without `-a` the end comes with the main child's death, with it once nobody is left. A wrapper
/// that has sent SIGKILL waits as well, because those whom it has missed would outlive it.
#[test]
fn it_ends_with_the_main_child_or_with_the_rest() {
    whenever(Moment::is_death, |moment| {
        let waits = moment.case.options.wait_all
            || moment.case.role == Role::Wrapper && moment.before.killed.is_some();
        moment.ending().is_none() == waits
    });
    whenever(
        |moment| moment.event == Event::Alone,
        |moment| moment.ending().is_some(),
    );
}

/// The end is the last step.
#[test]
fn nothing_is_done_after_the_end() {
    whenever(
        |moment| moment.ending().is_some(),
        |moment| {
            moment.count(|step| matches!(step, Step::End(_))) == 1
                && moment
                    .steps
                    .last()
                    .is_some_and(|(_, step)| matches!(step, Step::End(_)))
        },
    );
}

/// Contract 4.3, 5.2, 5.3: a main child that was stopped is handed to the terminal's job control, and nothing else happens.
#[test]
fn a_stopped_main_child_is_not_a_dead_one() {
    whenever(
        |moment| moment.event == main_child(WaitStatus::Stopped(Signal::TSTP), true, true),
        |moment| {
            let in_shutdown = moment.before.began.is_some();
            moment.steps == [(moment.at, Step::ChildStopped { in_shutdown })] && !moment.changed
        },
    );
}

/// Contract 4.2, 7.2: another child is reaped, and nothing else happens. Only PID 1 explains a SIGKILL, and only while it has
/// sent none itself.
#[test]
fn an_orphan_is_reaped_and_nothing_else() {
    whenever(
        |moment| moment.event == Event::OrphanDies,
        |moment| {
            let explain = moment.case.role == Role::Pid1 && moment.before.killed.is_none();
            moment.steps == [(moment.at, Step::Reaped { explain })] && !moment.changed
        },
    );
}

/// Contract 5.5: a wrapper dies of its main child's SIGINT, unless that was its own or somebody else's who sent it to the
/// init, `-e 130` was given, or SIGINT was ignored on entry; and only if a key at the terminal was meant.
#[test]
fn a_wrapper_dies_of_an_interrupt_that_the_terminal_sent() {
    let is_interrupted = |moment: &Moment| {
        let Event::MainChild { status, .. } = moment.event else {
            return false;
        };
        status == killed(Signal::INT)
            && moment.case.role == Role::Wrapper
            && !moment.case.options.remapped.contains(130)
            && !moment.case.ignores_int
            && !moment.before.sent.contains(Signal::INT)
    };
    let has_foreground = |moment: &Moment| {
        matches!(
            moment.event,
            Event::MainChild {
                has_foreground: true,
                ..
            }
        )
    };
    let interrupt = |moment: &Moment| moment.ending().map(|ending| ending.interrupt);
    let was_key = |moment: &Moment| moment.before.sent_for_terminal.contains(Signal::INT);
    let ends = |moment: &Moment| moment.is_death() && moment.ending().is_some();
    whenever(
        |moment| ends(moment) && is_interrupted(moment) && has_foreground(moment),
        |moment| interrupt(moment) == Some(Interrupt::Group),
    );
    whenever(
        |moment| {
            ends(moment) && is_interrupted(moment) && !has_foreground(moment) && was_key(moment)
        },
        |moment| interrupt(moment) == Some(Interrupt::Alone),
    );
    whenever(
        |moment| {
            ends(moment) && is_interrupted(moment) && !has_foreground(moment) && !was_key(moment)
        },
        |moment| interrupt(moment) == Some(Interrupt::None),
    );
    whenever(
        |moment| ends(moment) && !is_interrupted(moment),
        |moment| interrupt(moment) == Some(Interrupt::None),
    );
}

/// Contract 6.4: with `-a` the rest is asked to end once, when the main child is dead or the pause over, but for whom the
/// last SIGTERM to the group has reached.
#[test]
fn the_rest_is_terminated_once() {
    let terminates = |step| matches!(step, Step::TerminateRest { .. });
    whenever(
        |moment| {
            let is_over = moment.before.ended.is_none() && moment.after.ended.is_some();
            is_over && moment.case.options.wait_all && moment.after.killed.is_none()
        },
        |moment| {
            let group_has_term = moment.before.group_has_term;
            moment
                .steps
                .last()
                .is_some_and(|(_, step)| *step == Step::TerminateRest { group_has_term })
        },
    );
    whenever(
        |moment| moment.does(terminates),
        |moment| {
            moment.before.ended.is_none()
                && moment.before.killed.is_none()
                && moment.case.options.wait_all
                && moment.count(terminates) == 1
        },
    );
}

// ---- The deadline (contract 6.3, 6.4) ----

/// Contract 6.3: once it is set, it stays.
#[test]
fn a_deadline_never_moves() {
    whenever(
        |moment| moment.deadline_before.is_some(),
        |moment| moment.deadline_after == moment.deadline_before,
    );
}

/// Contract 6.3, 6.4: the grace period from the first stop signal's arrival, or from the main child's death; without one, for
/// the rest, nine seconds from the first stop signal's forwarding, unless the platform has waited for more than eight.
#[test]
fn the_deadline_is_the_one_that_was_promised() {
    whenever(
        |moment| moment.ending().is_none() && moment.after.killed.is_none(),
        |moment| moment.deadline_after == moment.after.promised(&moment.case.options),
    );
    let nine_seconds = |moment: &Moment| {
        let forwarded = moment.after.stop_forwarded;
        forwarded
            .zip(moment.deadline_after)
            .map(|(forwarded, deadline)| deadline.since(forwarded).0)
    };
    whenever(
        |moment| {
            moment.case.words == "pidling -a"
                && moment.is_death()
                && moment.is_forwarded_since(8_000)
        },
        |moment| nine_seconds(moment) == Some(9_000),
    );
    whenever(
        |moment| {
            moment.case.words == "pidling -a"
                && moment.is_death()
                && moment.is_forwarded_since(8_500)
        },
        |moment| nine_seconds(moment) == Some(17_500),
    );
}

/// Contract 6.3: SIGKILL goes out at the first look at the clock that is not before the deadline, and at no other moment.
#[test]
fn the_first_sigkill_goes_out_at_the_deadline() {
    whenever(
        |moment| moment.before.killed.is_none(),
        |moment| {
            let deadline = moment.before.promised(&moment.case.options);
            let is_due = deadline.is_some_and(|deadline| deadline <= moment.at);
            moment.does(|step| matches!(step, Step::KillRest(..)))
                == (is_due && moment.event.is_wake_up())
        },
    );
}

/// Contract 6.3, 6.6: the main child is killed first, then the rest, then it is said, with the last signal that asked them to
/// end and who got it.
#[test]
fn sigkill_goes_to_the_main_child_then_to_the_rest_and_then_it_is_said() {
    whenever(
        |moment| moment.does(|step| matches!(step, Step::KillRest(..) | Step::KillMainChild(..))),
        |moment| {
            let last = moment.before.last_signal.unwrap();
            let since = match (moment.before.began, moment.before.ended) {
                (Some(began), _) => Since::ShutdownBegan(began),
                (None, ended) => Since::MainChildEnded(ended.unwrap().0),
            };
            let main_child = Some(Step::KillMainChild(last));
            let rest = [Step::KillRest(last), Step::ReportKilled(last.signal, since)];
            let expected = main_child
                .filter(|_| moment.before.has_main_child)
                .into_iter()
                .chain(rest);
            moment.steps.iter().map(|(_, step)| *step).eq(expected)
        },
    );
}

/// Contract 6.3: SIGKILL is repeated after a pause, until the first ones were out 5 s ago: then the init gives up.
#[test]
fn sigkill_is_repeated_until_it_is_given_up_after_5_s() {
    whenever(
        |moment| moment.before.killed.is_some() && moment.event.is_wake_up(),
        |moment| {
            let (since, again_at) = moment
                .before
                .killed
                .zip(moment.before.kill_again_at)
                .unwrap();
            let main_child = moment.before.has_main_child;
            let steps: Vec<_> = moment.steps.iter().map(|(_, step)| *step).collect();
            if moment.at < again_at {
                steps.is_empty()
            } else if moment.at.since(since) >= Milliseconds(5_000) {
                matches!(steps[..], [Step::GiveUp(at), Step::End(_)] if at == since)
            } else {
                steps == [Step::KillAgain { main_child }]
            }
        },
    );
    whenever(
        |moment| moment.after.killed.is_some() && moment.ending().is_none(),
        |moment| moment.wake_after == moment.after.kill_again_at,
    );
}

// ---- The ladder and the slow main child (contract 6.8, 6.9) ----

/// Contract 6.8: the steps are taken in their order, each once, not before its time, to the target or to the rest, and never
/// once SIGKILL is due.
#[test]
fn a_step_of_the_ladder_is_taken_once_in_its_order_to_whom_it_is_for() {
    whenever(
        |moment| moment.does(|step| matches!(step, Step::Escalate(..))),
        |moment| {
            let began = moment.before.began.unwrap();
            let due = moment.case.ladder()[moment.before.escalations];
            let to = if moment.before.has_main_child {
                asked(moment.case.options.target, tick(moment.at, 0))
            } else {
                Asked::Rest
            };
            moment.steps == [(moment.at, Step::Escalate(to, due.signal, began))]
                && began.after(due.after) <= moment.at
                && moment.before.killed.is_none()
                && moment
                    .deadline_before
                    .is_none_or(|deadline| moment.at < deadline)
        },
    );
}

/// Contract 6.9: a main child that still lives eight seconds after the first stop signal was forwarded is named, once, and
/// only where there is no grace period.
#[test]
fn a_slow_main_child_is_named_once() {
    let names = |step| matches!(step, Step::NameSlowChild(_));
    let is_slow = |moment: &Moment| {
        let forwarded = moment.before.stop_forwarded;
        moment.before.has_main_child
            && moment.case.options.grace_period.is_none()
            && forwarded.is_some_and(|forwarded| moment.at.since(forwarded) >= Milliseconds(8_000))
    };
    whenever(
        |moment| moment.does(names),
        |moment| {
            let last = moment.before.last_signal.unwrap();
            is_slow(moment)
                && !moment.before.slow_child_named
                && moment.steps == [(moment.at, Step::NameSlowChild(last))]
        },
    );
    whenever(
        |moment| moment.event.is_wake_up() && is_slow(moment) && moment.case.ladder().is_empty(),
        |moment| moment.after.slow_child_named,
    );
}

// ---- Waking up (contract 4.1) ----

/// Contract 4.1: outside a shutdown only a signal wakes the init.
#[test]
fn an_idle_init_asks_for_no_wake_up() {
    whenever(
        |moment| moment.after.began.is_none() && moment.after.ended.is_none(),
        |moment| moment.wake_after.is_none(),
    );
}

/// A wake-up is asked for when there is something to do: whoever comes earlier finds nothing, whoever comes then or later
/// does not have to come twice.
#[test]
fn a_wake_up_finds_something_to_do_if_and_only_if_it_is_due() {
    whenever(
        |moment| moment.event.is_wake_up(),
        |moment| {
            let is_due = moment
                .wake_before
                .is_some_and(|wake_at| wake_at <= moment.at);
            let decided = moment.changed || moment.ending().is_some();
            moment.steps.is_empty() != is_due && decided == is_due
        },
    );
}

/// Contract 6.4: so a wait for the rest always ends.
#[test]
fn who_waits_for_the_rest_asks_for_a_wake_up() {
    whenever(
        |moment| moment.after.ended.is_some() && moment.ending().is_none(),
        |moment| moment.wake_after.is_some() && !moment.has_main_child,
    );
}

// ---- The end (contract 7) ----

/// Contract 7.
#[test]
fn the_exit_status_is_the_main_childs() {
    whenever(
        |moment| moment.ending().is_some(),
        |moment| {
            let ended = match moment.after.ended {
                Some((_, Some(WaitStatus::Exited(status)))) => status,
                Some((_, Some(WaitStatus::Killed { signal, .. }))) => 128 + signal.number(),
                Some((_, Some(WaitStatus::Stopped(_) | WaitStatus::Other))) => return false,
                Some((_, None)) => 0,
                None if moment.case.pauses => 0,
                None => 137,
            };
            let is_remapped = moment.case.options.remapped.contains(ended);
            let ending = moment.ending().unwrap();
            ending.status == if is_remapped { 0 } else { ended }
                && ending.exited_well
                    == (moment.after.ended.and_then(|(_, status)| status)
                        == Some(WaitStatus::Exited(0)))
        },
    );
}

/// Contract 7.1, 7.3: a SIGKILL is the deadline's, a rewrite's or somebody else's; a crash is one that nobody asked for; a
/// status of 128 and a signal that was forwarded is no failure.
#[test]
fn the_main_childs_death_is_explained() {
    let death = |moment: &Moment| moment.ending().unwrap().death;
    let sent = |moment: &Moment, signal| {
        let before = moment.before;
        before.sent.contains(signal) || before.sent_for_terminal.contains(signal)
    };
    let whenever_it_ends = |event: Event, expected: &dyn Fn(&Moment) -> Option<Death>| {
        whenever(
            |moment| moment.event == event && moment.ending().is_some(),
            |moment| death(moment) == expected(moment),
        );
    };
    whenever_it_ends(main_child(WaitStatus::Exited(0), true, true), &|_| {
        Some(Death::Ordinary)
    });
    whenever_it_ends(main_child(WaitStatus::Exited(127), false, true), &|_| None);
    whenever_it_ends(main_child(killed(Signal::KILL), true, true), &|moment| {
        Some(Death::Killed(if moment.before.killed.is_some() {
            Killer::Deadline
        } else if sent(moment, Signal::KILL) {
            Killer::Rewrite
        } else {
            Killer::Outside
        }))
    });
    whenever_it_ends(main_child(killed(Signal::SEGV), true, true), &|_| {
        let signal = Signal::SEGV;
        Some(Death::Crashed {
            signal,
            core_dumped: false,
        })
    });
    whenever_it_ends(main_child(WaitStatus::Exited(130), true, true), &|moment| {
        Some(if sent(moment, Signal::INT) {
            Death::Ordinary
        } else {
            Death::Failed
        })
    });
}

/// Contract 7.4, 8.2: the end tells of a shutdown if one began, of whom the stop signal reached, and whether all were killed.
#[test]
fn the_end_knows_what_went_before() {
    whenever(
        |moment| moment.ending().is_some(),
        |moment| {
            let ending = moment.ending().unwrap();
            ending.shutdown_began == moment.after.began
                && ending.all_killed == moment.after.killed.is_some()
                && ending.group_was_asked == moment.after.group_was_asked
        },
    );
}
