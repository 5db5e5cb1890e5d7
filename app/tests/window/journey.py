#!/usr/bin/python3
"""Drives the real window through the desktop's accessibility bus, as a screen reader would, and takes a picture of each step.

Usage: journey.py BOCAGE_APP BOCAGE OUT_DIR   (inside a session with X, D-Bus and at-spi2; run.sh makes one)
"""

import os
import subprocess
import sys
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi  # noqa: E402

APP, CLI, OUT = sys.argv[1], sys.argv[2], sys.argv[3]
PASSPHRASE = "quatre mots pris au hasard"
PATIENCE = 90.0
PRESSED = ("push button", "button", "radio button", "check box", "link", "page tab", "table row", "list item")
ENV = dict(os.environ, BOCAGE_FAST_KEYS="1", LANG="fr_FR.UTF-8", BOCAGE_PASSPHRASE=PASSPHRASE, XDG_CONFIG_HOME=os.path.join(OUT, "config"))
shots = 0


def cli(*args, **env):
    done = subprocess.run([CLI, *args], env=dict(ENV, **env), capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        sys.exit(f"bocage {' '.join(args)}: {done.stderr}")
    return done.stdout


def nodes(of):
    """Everything below, itself first."""
    yield of
    for i in range(of.get_child_count()):
        child = of.get_child_at_index(i)
        if child is not None:
            yield from nodes(child)


def words(node):
    return node.get_name() or content(node)


def content(node):
    """What stands in it: of a field, what was typed."""
    try:
        return Atspi.Text.get_text(node, 0, -1) or ""
    except Exception:  # noqa: BLE001 - not every node has text
        return ""


class Window:
    def __init__(self, data, *args, unlocked=False):
        env = dict(ENV)
        if not unlocked:
            del env["BOCAGE_PASSPHRASE"]
        self.log = open(os.path.join(OUT, f"window-{os.path.basename(data)}.log"), "a")
        self.began = time.monotonic()
        self.process = subprocess.Popen([APP, "--data", data, *args], env=env, stdout=self.log, stderr=self.log)

    def root(self):
        desktop = Atspi.get_desktop(0)
        for i in range(desktop.get_child_count()):
            app = desktop.get_child_at_index(i)
            if app is not None and app.get_process_id() == self.process.pid:
                return app
        return None

    def find(self, name, role=None, whole=True):
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE:
            if self.process.poll() is not None:
                sys.exit(f"the window has gone while {name!r} was looked for")
            root = self.root()
            try:
                for node in nodes(root) if root else ():
                    said = (words(node), content(node))
                    fits = name in said if whole else any(name in each for each in said)
                    if fits and (role is None or node.get_role_name() == role):
                        return node
            except Exception:  # noqa: BLE001 - the tree changes under our feet
                pass
            time.sleep(0.1)
        self.dump()
        sys.exit(f"{name!r} isn't on the screen")

    def dump(self):
        root = self.root()
        for node in nodes(root) if root else ():
            if words(node):
                print(f"{node.get_role_name()}: {words(node)}", file=sys.stderr)

    def press(self, name, whole=True):
        """Presses what bears this name and can be pressed: a heading may be called the same."""
        for _ in range(40):
            self.find(name, whole=whole)
            try:
                for node in nodes(self.root()):
                    said = words(node)
                    if said == name or (not whole and name in said):
                        if Atspi.Action.get_n_actions(node) and node.get_role_name() in PRESSED and Atspi.Action.do_action(node, 0):
                            time.sleep(0.3)
                            return
            except Exception:  # noqa: BLE001 - drawn anew meanwhile
                pass
            time.sleep(0.1)
        self.dump()
        sys.exit(f"{name!r} can't be pressed")

    def fill(self, name, text):
        """Focuses the field and types on the keyboard."""
        node = self.find(name, whole=False, role=None)
        for candidate in nodes(self.root()):
            if name in words(candidate) or name in (candidate.get_name() or ""):
                if candidate.get_role_name() in ("entry", "text", "password text"):
                    node = candidate
                    break
        Atspi.Component.grab_focus(node)
        time.sleep(0.3)
        subprocess.run(["xdotool", "type", "--delay", "12", text], check=True)
        time.sleep(0.2)

    def picture(self, name):
        global shots
        shots += 1
        time.sleep(0.6)
        window = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--pid", str(self.process.pid)], capture_output=True, text=True, check=True
        ).stdout.split()[-1]
        path = os.path.join(OUT, f"{shots:02}-{name}.png")
        subprocess.run(["import", "-window", window, path], check=True)
        return path

    def resident_mb(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS"))

    def ticks(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
            return int(fields[11]) + int(fields[12])

    def close(self):
        self.process.terminate()
        self.process.wait(30)


def main():
    os.makedirs(OUT, exist_ok=True)
    clinic, hospital, cabin = (os.path.join(OUT, name) for name in ("clinic", "hospital", "cabin"))

    # A newcomer founds a network in the window.
    a = Window(clinic, "--no-mdns", "--listen", "127.0.0.1:46170")
    a.find("Bienvenue")
    a.picture("first-run")
    a.press("Fonder un réseau")
    a.fill("Nom du réseau", "Réseau de soins du Quercy")
    a.fill("Nom du lieu", "Centre de santé de Saint-Aubin")
    a.picture("first-run-place")
    a.press("Continuer")
    a.fill("Nom du praticien", "Dr Hélène Marchand")
    a.press("Profession : Médecin")
    a.press("Continuer")
    a.fill("Nouvelle phrase de passe", PASSPHRASE)
    a.fill("La même, encore une fois", PASSPHRASE)
    a.picture("first-run-passphrase")
    a.press("Fonder le réseau")
    a.fill("Phrase de passe", PASSPHRASE)
    a.picture("lock")
    a.press("Déverrouiller")
    a.find("Bonjour Dr Hélène Marchand")
    a.close()

    # The others join by files; the cabin runs without a window.
    for data, name, args in (
        (cabin, "Cabine de Gramat", ["--kind", "cabin"]),
        (hospital, "Hôpital de Figeac", ["--kind", "clinic", "--practitioner", "Dr Claire Petit", "--role", "doctor"]),
    ):
        invitation = os.path.join(OUT, "invitation.bocage")
        said = cli("--data", clinic, "--json", "invite", "--out", invitation)
        six = __import__("json").loads(said)["words"]
        cli("--data", data, "join", invitation, "--offline", "--facility", name, *args, BOCAGE_WORDS=six)
        admission = os.path.join(OUT, "admission.bocage")
        cli("--data", clinic, "admit", os.path.join(data, "request.bocage"), "--out", admission, "--yes")
        cli("--data", data, "join", admission)
    carrier = subprocess.Popen(
        [CLI, "--data", cabin, "run", "--no-mdns", "--listen", "127.0.0.1:46171"], env=dict(ENV), stdout=subprocess.DEVNULL
    )
    try:
        journey(clinic, hospital)
    finally:
        carrier.terminate()
        carrier.wait(30)


def journey(clinic, hospital):
    cable = ["--no-mdns", "--peer", "127.0.0.1:46171"]
    a = Window(clinic, *cable, "--listen", "127.0.0.1:46172")
    a.fill("Phrase de passe", PASSPHRASE)
    a.press("Déverrouiller")
    a.press("Nouveau dossier")
    a.fill("Nom de naissance", "Diallo")
    a.fill("Prénoms", "Awa")
    a.fill("Date de naissance", "12/03/1992")
    a.press("Sexe : Femme")
    a.picture("new-patient")
    a.press("Créer le dossier")
    a.press("Nouvelle consultation")
    a.fill("Motif", "Douleur thoracique")
    a.fill("Note", "Douleur depuis ce matin, au repos.")
    for sign, value in (
        ("Tension (mmHg)", "151/94"),
        ("Pouls (/min)", "112"),
        ("Fréquence respiratoire (/min)", "22"),
        ("SpO₂ (%)", "95"),
        ("Température (°C)", "37,1"),
        ("Conscience", "A"),
    ):
        a.fill(sign, value)
    a.press("La personne respire : à l’air ambiant")
    a.picture("visit")
    # Two seconds after the last key the machine dies. Nothing of it is lost.
    time.sleep(2)
    a.process.kill()
    a.process.wait()
    a = Window(clinic, *cable, "--listen", "127.0.0.1:46172", unlocked=True)
    a.press("Brouillon de consultation, Awa Diallo", whole=False)
    for found in ("151/94", "37,1", "Douleur depuis ce matin, au repos."):
        a.find(found)
    a.press("Signer et enregistrer")
    a.find("Interroger un confrère")
    a.picture("record")
    a.press("Interroger un confrère")
    a.fill("À qui", "petit")
    a.press("Dr Claire Petit, Hôpital de Figeac")
    a.fill("Question", "Faut-il l'hospitaliser ?")
    a.picture("compose")
    a.press("Signer et envoyer")
    a.find("Détenu par 1 autre lieu")
    a.picture("request-sent")
    a.close()

    b = Window(hospital, *cable, "--listen", "127.0.0.1:46173")
    b.fill("Phrase de passe", PASSPHRASE)
    b.press("Déverrouiller")
    b.find("Awa Diallo", whole=False)
    b.picture("home-of-the-other")
    b.press("Demandes, 1")
    b.press("Téléexpertise, Awa Diallo", whole=False)
    b.find("Faut-il l'hospitaliser ?")
    b.fill("Votre avis", "Oui, ce soir. Je préviens le service.")
    b.picture("answering")
    b.press("Signer l’avis")
    b.find("Détenu par 1 autre lieu")
    b.close()

    a = Window(clinic, *cable, "--listen", "127.0.0.1:46172", unlocked=True)
    a.find("Bonjour Dr Hélène Marchand")
    a.press("Téléexpertise, Awa Diallo", whole=False)
    a.find("Oui, ce soir. Je préviens le service.")
    a.find("Lu par Dr Claire Petit", whole=False)
    a.picture("answered")
    a.press("Réseau")
    a.picture("network")
    a.press("Réglages")
    a.picture("settings")
    time.sleep(2)
    before, began = a.ticks(), time.monotonic()
    time.sleep(10)
    print(f"idle: {a.ticks() - before} CPU ticks in {time.monotonic() - began:.0f} s; resident {a.resident_mb()} MB")
    a.close()
    print(f"{shots} pictures in {OUT}")


main()
