"""Starts one rank of a run for a launcher's process, tells how it is, and does with it what it is told to."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from pathlib import Path

from msgspec.structs import replace

from laptime.methods.method import find_method
from laptime.runs.given_ranks import VARIABLE, GivenRank, encode, loopback_settings
from laptime.runs.heartbeats import RANKS_FOLDER, Heartbeats
from laptime.runs.job import LOG_FILE, read_job
from laptime.runs.process import measured_environment, start
from laptime.training.board import Announcement, Board, Ending
from laptime.training.crew import Crew, kill
from laptime.training.rank_watch import LOOK_SECONDS
from laptime.util.atomic import open_log

SILENT_SECONDS = 60.0  # without a sign of who leads: then nobody ends what waits here


class Keeper:
    """One rank of the run that was announced, and its process on this machine."""

    def __init__(self, board: Board, given: GivenRank, announcement: Announcement) -> None:
        self.board = board
        self.number = announcement.number
        self.rank = given.rank
        self.asked = 0  # the signal that asks this very process to stop
        self._file, self._size = Path(announcement.file), announcement.size
        self._given = given
        self._silent_seconds, self._beat = 0.0, b""

    def keep(self) -> None:
        """Start the rank and stay with it until it has ended, which is told."""
        try:
            with tempfile.TemporaryDirectory(prefix="laptime-rank-") as scratch:
                code = self._keep_in(Path(scratch) / "heartbeats")
            self.board.end(self.number, self.rank, Ending(code=code))
        except OSError as error:
            why = f"on {socket.gethostname()}: {error.filename or 'its process'}: {error.strerror or error}"
            self.board.refuse(self.number, self.rank, why)

    def _keep_in(self, beats_file: Path) -> int:
        """Do so with the heartbeats in a file; returns the exit code."""
        crew = Crew(Heartbeats.begin(beats_file, self._size))
        process = self._start(beats_file)
        try:
            while process.poll() is None:
                self._look(crew, process)
                try:
                    process.wait(LOOK_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            kill(process.pid if process.poll() is None else 0)
            process.wait()
        self._look(crew, process)
        return process.returncode

    def _start(self, beats_file: Path) -> subprocess.Popen[bytes]:
        """Start the process of the rank."""
        job = read_job(self._file.parent)
        place = replace(self._given, job=self.number, heartbeats=str(beats_file))
        environment = loopback_settings(place) | measured_environment(
            find_method(job.spec.method).spreads_weights
        )
        environment[VARIABLE] = encode(place)
        with open_log(self._log_file(), appends=True) as log:
            return start("laptime.training.run", self._file, log, environment, subprocess.DEVNULL)

    def _log_file(self) -> Path:
        """Return where what the process prints goes: into the run's own log, or beside the rank's record."""
        home = self._file.parent
        if self.rank:
            home = home / RANKS_FOLDER / str(self.rank)
            home.mkdir(parents=True, exist_ok=True)
        return home / LOG_FILE

    def _look(self, crew: Crew, process: subprocess.Popen[bytes]) -> None:
        """Tell where the rank stands, and do what was ordered."""
        sight = replace(crew.look()[self.rank], asked=self.asked, told=time.monotonic())
        self.board.tell_sight(self.number, sight)
        orders = self.board.read_orders(self.number)
        if orders.all_ended or self.rank in orders.ended or self._is_alone():
            kill(process.pid)
        elif orders.number:
            crew.hand_on(orders.number)

    def _is_alone(self) -> bool:
        """Tell whether who leads has given no sign for long."""
        beat = self.board.read_beat(self.number)
        self._silent_seconds = 0.0 if beat != self._beat else self._silent_seconds + LOOK_SECONDS
        self._beat = beat
        return self._silent_seconds > SILENT_SECONDS
