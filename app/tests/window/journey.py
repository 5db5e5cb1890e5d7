#!/usr/bin/python3
"""The journey of a question between two doctors who never meet, in real windows, through the desktop's accessibility bus.

Usage: journey.py BOCAGE_APP BOCAGE OUT_DIR   (inside a session with X, D-Bus and at-spi2; run.sh makes one)
"""

import atexit
import json
import os
import subprocess
import sys
import time

from window import ALERT, Failure, Window, until

APP, CLI, OUT = sys.argv[1], sys.argv[2], sys.argv[3]
PASSPHRASE = "quatre mots pris au hasard"
# The window writes invitations where a person looks for files, and finds them there: in a home of this test's own.
HOME = os.path.join(OUT, "home")
ENV = dict(os.environ, BOCAGE_FAST_KEYS="1", LANG="fr_FR.UTF-8", BOCAGE_PASSPHRASE=PASSPHRASE, HOME=HOME)
ENV["XDG_CONFIG_HOME"] = os.path.join(HOME, ".config")
CLINIC_ADDRESS, CABIN_ADDRESS, HOSPITAL_ADDRESS = "127.0.0.1:46170", "127.0.0.1:46171", "127.0.0.1:46173"
# A desk that nobody touches: CPU ticks in IDLE_SECONDS, and megabytes, of a debug build. Ticks are a figure to read (1 to 60, as its node
# has something to exchange or not); refused is only what draws without end. That a resting window asks for no frame is a test of its own.
IDLE_SECONDS, MOST_TICKS, MOST_MB = 10, 400, 250
# What is promised: half a sentence survives whatever happens this long after its last key.
KEPT_AFTER = 2
# Small enough to be filled in a moment, large enough for a store with one record.
SMALL_DISK = "48m"
DISK = os.path.join(OUT, "small-disk")
NOTE = "Tombé dans l'escalier, cheville gauche."
MORE = " Gonflée."
shots = 0
began = time.monotonic()


def run_cli(*args, **env):
    return subprocess.run([CLI, *args], env=dict(ENV, **env), capture_output=True, text=True, timeout=120)


def cli(*args, **env):
    done = run_cli(*args, **env)
    if done.returncode != 0:
        raise Failure(f"bocage {' '.join(args)}: {done.stderr}")
    return done.stdout


def place(name):
    return os.path.join(OUT, name)


def open_window(data, *args, unlocked=False):
    """`unlocked`: the passphrase stands in the environment, as whoever tries the program out has it."""
    env = dict(ENV)
    if not unlocked:
        del env["BOCAGE_PASSPHRASE"]
    return Window(OUT, APP, data, "--no-mdns", *args, env=env)


def unlock(window):
    window.fill("Phrase de passe", PASSPHRASE)
    window.press("Déverrouiller")


def picture(window, name):
    global shots
    shots += 1
    window.picture(os.path.join(OUT, f"{shots:02}-{name}.png"))


def chapter(name):
    print(f"{time.monotonic() - began:6.1f} s  {name}", flush=True)


def never(so, what):
    """Faults that this test found once: each stays found."""
    if so:
        raise Failure(what)


def half_a_sentence_stays_so(window):
    """The one pause that is the test itself: the promise counts from the last key."""
    time.sleep(KEPT_AFTER)
    window.kill()


# A newcomer founds a network; a cabin joins it by files, a hospital in its own window.


def found():
    chapter("a network is founded in the window")
    a = open_window(place("clinic"), "--listen", CLINIC_ADDRESS)
    a.shown("Bienvenue")
    picture(a, "first-run")
    a.press("Fonder un réseau")
    a.fill("Nom du réseau", "Réseau de soins du Quercy")
    a.fill("Nom du lieu", "Centre de santé de Saint-Aubin")
    picture(a, "first-run-place")
    a.press("Continuer")
    a.fill("Nom du praticien", "Dr Hélène Marchand")
    a.choose("Profession : Médecin")
    picture(a, "first-run-person")
    a.press("Continuer")
    a.fill("Nouvelle phrase de passe", PASSPHRASE)
    a.fill("La même, encore une fois", PASSPHRASE)
    picture(a, "first-run-passphrase")
    a.press("Fonder le réseau")
    # The passphrase that was just chosen opens the desk.
    a.shown("fondé")
    a.shown("Bonjour Dr Hélène Marchand")
    picture(a, "founded")
    return a


def lock(a):
    chapter("the desk is locked, and opened")
    a.press("Verrouiller")
    a.fill("Phrase de passe", "pas la bonne phrase")
    a.press("Déverrouiller")
    a.shown("Phrase de passe fausse", role=ALERT)
    picture(a, "lock")
    a.refill("Phrase de passe", PASSPHRASE)
    a.press("Déverrouiller")
    a.shown("Bonjour Dr Hélène Marchand")


def cabin_joins():
    """By files and the command line, through the node that the clinic's open window runs."""
    chapter("a cabin joins by the command line")
    invitation, admission = place("cabin-invitation.bocage"), place("cabin-admission.bocage")
    words = json.loads(cli("--data", place("clinic"), "--json", "invite", "--out", invitation))["words"]
    named = ["--facility", "Cabine de Gramat", "--kind", "cabin"]
    cli("--data", place("cabin"), "join", invitation, "--offline", *named, BOCAGE_WORDS=words)
    cli("--data", place("clinic"), "admit", os.path.join(place("cabin"), "request.bocage"), "--out", admission, "--yes")
    cli("--data", place("cabin"), "join", admission)


def invite(a):
    """The file and the six words, read from the screen as whoever passes them on reads them."""
    chapter("the clinic invites in its window")
    a.press("Réseau")
    a.fill("Adresse de ce poste vue de là-bas", CLINIC_ADDRESS)
    a.press("Créer une invitation")
    file, words = a.after("Fichier à remettre"), a.after("Mots à dire au téléphone")
    if not os.path.isfile(file) or len(words.split()) != 6:
        raise Failure(f"no invitation: {file!r}, {words!r}")
    picture(a, "invitation")
    return file, words


def hospital_joins(a, file, words):
    chapter("the hospital joins in its window")
    torn = place("torn.bocage")
    with open(file, "rb") as whole, open(torn, "wb") as half:
        content = whole.read()
        half.write(content[: len(content) // 2])
    b = open_window(place("hospital"), "--listen", HOSPITAL_ADDRESS)
    b.press("J’ai une invitation")
    b.fill("Les six mots", words)
    b.fill("Fichier d’invitation", torn)
    b.press("Continuer")
    b.shown("abîmé", role=ALERT)
    picture(b, "join-torn-file")
    # The right one lies in the person's documents: it is found, and need not be typed.
    b.press(file)
    b.refill("Les six mots", "abaisser abandon abdiquer abeille abolir aborder")
    b.press("Continuer")
    b.shown("mots", role=ALERT)
    picture(b, "join-wrong-words")
    b.refill("Les six mots", words)
    b.press("Continuer")
    b.shown("Invitation valable pour")
    b.fill("Nom du lieu", "Hôpital de Figeac")
    b.press("Continuer")
    b.fill("Nom du praticien", "Dr Claire Petit")
    b.choose("Profession : Médecin")
    picture(b, "join-person")
    b.press("Continuer")
    b.fill("Nouvelle phrase de passe", PASSPHRASE)
    b.fill("La même, encore une fois", PASSPHRASE)
    picture(b, "join-passphrase")
    b.press("Demander l’admission")
    both_say(a, "Hôpital de Figeac est membre du réseau", b, "Ce lieu est membre du réseau")
    b.shown("Bonjour Dr Claire Petit")
    picture(b, "joined")
    picture(a, "admitted")
    never(a.shows(words), "an invitation that was used is still offered to be passed on")
    b.close()


def both_say(a, of_a, b, of_b):
    """Messages go after some seconds: waited for one after the other, the second could be missed."""
    missing = {(a, of_a), (b, of_b)}

    def none_missing():
        missing.difference_update([each for each in missing if each[0].shows(each[1])])
        return not missing

    until(none_missing, f"{of_a!r} and {of_b!r}")


# The question goes from the clinic to the cabin, from the cabin to the hospital, and its answer back.


def start_carrier():
    """The cabin has no window. It ends with the test."""
    carrier = subprocess.Popen(
        [CLI, "--data", place("cabin"), "run", "--no-mdns", "--listen", CABIN_ADDRESS], env=ENV, stdout=subprocess.DEVNULL
    )
    atexit.register(carrier.terminate)


def at_the_clinic():
    return ["--peer", CABIN_ADDRESS, "--listen", CLINIC_ADDRESS]


def at_the_hospital():
    return ["--peer", CABIN_ADDRESS, "--listen", HOSPITAL_ADDRESS]


def visit():
    """Two seconds after the last key the machine dies. Nothing of the visit is lost."""
    chapter("a visit is typed, and survives kill -9")
    a = open_window(place("clinic"), *at_the_clinic())
    unlock(a)
    a.press("Nouveau dossier")
    a.fill("Nom de naissance", "Diallo")
    a.choose("Sexe : Femme")
    half_a_sentence_stays_so(a)
    a = open_window(place("clinic"), *at_the_clinic(), unlocked=True)
    a.press_row("Nouveau dossier commencé")
    a.shown("Diallo")
    a.chosen("Sexe : Femme")
    a.fill("Prénoms", "Awa")
    # Which century is meant can't be mistaken.
    a.fill("Date de naissance", "12/03/92")
    a.press("Écrire 12/03/1992, Date de naissance")
    a.shown("Retour à l’accueil")
    picture(a, "new-patient")
    a.press("Créer le dossier")
    a.press("Nouvelle consultation")
    a.fill("Motif", "Douleur thoracique")
    for sign, value in (
        ("Tension (mmHg)", "151/94"),
        ("Pouls (/min)", "112"),
        ("Fréquence respiratoire (/min)", "22"),
        ("SpO₂ (%)", "95"),
        ("Température (°C)", "37,1"),
    ):
        a.fill(sign, value)
    a.choose("Conscience : Alerte (éveillé)")
    a.choose("La personne respire : à l’air ambiant")
    a.fill("Note", "Douleur depuis ce matin, au repos.")
    a.shown("Retour au dossier")
    picture(a, "visit")
    half_a_sentence_stays_so(a)


def visit_again():
    chapter("the visit is taken up and signed")
    a = open_window(place("clinic"), *at_the_clinic(), unlocked=True)
    a.press_row("Brouillon de consultation, Awa DIALLO")
    for kept in ("Douleur thoracique", "151/94", "112", "37,1", "Douleur depuis ce matin, au repos."):
        a.shown(kept)
    a.chosen("Conscience : Alerte (éveillé)")
    a.chosen("La personne respire : à l’air ambiant")
    a.press("Signer et enregistrer")
    a.shown("Consultation signée, enregistrée sur cet appareil")
    picture(a, "record")
    return a


def correct(a):
    chapter("a measure is corrected")
    a.press("Historique")
    a.press("Corriger…, Consultation : Douleur thoracique")
    picture(a, "history-unfolded")
    a.press("Corriger : Pouls 112 /min")
    a.shown("Ce qui était écrit reste dans l’historique")
    a.refill("Pouls (/min)", "102")
    picture(a, "correcting")
    a.press("Signer la correction")
    a.shown("Pouls 102")
    a.shown("corrigé une fois")
    picture(a, "corrected")
    # At 112 a pulse counts two, at 102 one: the whole is four, not five.
    a.shown("NEWS2 4, risque faible")


def half_a_question(a):
    """As a visit, a question that was begun is kept."""
    chapter("half a question survives kill -9")
    a.press("Écrire à un confrère")
    a.fill("À qui", "petit")
    a.press_row("Dr Claire Petit, Hôpital de Figeac")
    a.fill("Question", "Faut-il")
    half_a_sentence_stays_so(a)


def ask():
    chapter("the question is taken up and sent")
    a = open_window(place("clinic"), *at_the_clinic(), unlocked=True)
    a.shown("Question commencée, Awa DIALLO")
    picture(a, "home-drafts")
    a.press_row("Question commencée, Awa DIALLO")
    a.shown("Faut-il")
    a.shown("Dr Claire Petit, Hôpital de Figeac")
    a.fill("Question", " l'hospitaliser ?")
    picture(a, "compose")
    a.press("Signer et envoyer")
    a.shown("Faut-il l'hospitaliser ?")
    a.shown("Détenu par 1 autre lieu")
    picture(a, "request-sent")
    a.close()


def answer():
    chapter("the hospital reads and answers")
    b = open_window(place("hospital"), *at_the_hospital())
    unlock(b)
    b.shown("Téléexpertise, Awa DIALLO")
    picture(b, "home-of-the-other")
    b.press("Demandes, 1")
    b.shown("Téléexpertise, Awa DIALLO")
    picture(b, "requests")
    b.press_row("Téléexpertise, Awa DIALLO")
    b.shown("Faut-il l'hospitaliser ?")
    b.press("Ouvrir le dossier")
    b.shown("151/94")
    picture(b, "record-of-the-other")
    b.press("Retour à la demande")
    b.fill("Votre réponse", "Oui, ce soir. Je préviens le service.")
    picture(b, "answering")
    b.press("Signer l’avis")
    # What was answered can be added to, and isn't asked for.
    b.shown("Compléter l’avis")
    b.shown("Détenu par 1 autre lieu")
    if b.shows("Votre réponse"):
        raise Failure("an answer is asked for that was given")
    picture(b, "answered-there")
    b.close()


def close_request():
    chapter("the clinic reads the answer and closes the request")
    a = open_window(place("clinic"), *at_the_clinic(), unlocked=True)
    a.shown("Bonjour Dr Hélène Marchand")
    a.press_row("Téléexpertise, Awa DIALLO")
    a.shown("Oui, ce soir. Je préviens le service.")
    a.shown("Lu par Dr Claire Petit")
    a.shown("Poser une autre question")
    picture(a, "answered")
    a.fill("Autre question, ou dernier mot (facultatif)", "Merci, elle part.")
    a.press("Clore la demande")
    a.shown("ferme le dossier à")
    picture(a, "closing")
    a.press("Confirmer : clore la demande")
    a.shown("Plus rien n’est ouvert par cette demande.")
    until(lambda: all_held(a), "everything said is held elsewhere")
    picture(a, "closed")
    return a


def all_held(a):
    """Of each thing said here it is told that it is saved here; of each, then, that another place holds it."""
    said = [s.name or s.content for s in a.look()]
    saved = said.count("Enregistré sur cet appareil")
    return saved > 1 and len([s for s in said if s.startswith("Détenu par ")]) == saved


def look_around(a):
    chapter("the other screens")
    a.press("Ouvrir le dossier")
    a.press("Qui peut lire")
    a.shown("Ouvrir ce dossier à un autre lieu")
    picture(a, "readers")
    a.press("Allergies, traitements, ATCD")
    a.fill("Problème ou antécédent", "Appendicectomie")
    a.fill("Depuis quand", "1998")
    a.press("Ajouter un antécédent")
    a.shown("Appendicectomie (1998)")
    a.fill("Médicament", "Metformine 500 mg")
    a.fill("Posologie", "1 le soir")
    half_a_sentence_stays_so(a)
    a = open_window(place("clinic"), *at_the_clinic(), unlocked=True)
    a.press_row("Saisie commencée, Awa DIALLO")
    a.shown("Metformine 500 mg")
    a.press("Ajouter le traitement")
    a.press("Arrêter, Metformine 500 mg, 1 le soir")
    a.fill("Pourquoi (facultatif)", "Diarrhée")
    a.fill("Depuis quand (aujourd’hui, si rien n’est écrit)", "10/2026")
    picture(a, "stopping")
    a.press("Signer l’arrêt")
    a.shown("arrêté : oct. 2026")
    picture(a, "antecedents")
    a.press("Corriger l’identité")
    a.refill("Prénoms", "Awa Marie")
    a.press("Signer la correction")
    a.shown("Awa Marie DIALLO")
    a.press("Réseau")
    a.shown("Cabine de Gramat")
    picture(a, "network")
    a.press("Réglages")
    a.shown("Apparence")
    picture(a, "settings")
    a.press("Touches du clavier")
    a.shown("Verrouiller le poste")
    picture(a, "help")
    a.press("Fermer")
    return a


def second_window():
    chapter("a second window on the same place")
    second = open_window(place("clinic"))
    second.shown("Phrase de passe")
    picture(second, "second-window-locked")
    unlock(second)
    second.shown("Bonjour Dr Hélène Marchand")
    picture(second, "second-window")
    second.close()


def idle(a):
    """What a desk costs that nobody touches. Measured, so it can't be waited for."""
    chapter("nobody touches it")
    before, since = a.ticks(), time.monotonic()
    time.sleep(IDLE_SECONDS)
    ticks, resident = a.ticks() - before, a.resident_mb()
    print(f"idle: {ticks} CPU ticks in {time.monotonic() - since:.0f} s; resident {resident} MB", flush=True)
    if ticks > MOST_TICKS or resident > MOST_MB:
        raise Failure(f"more than {MOST_TICKS} ticks or {MOST_MB} MB")
    a.close()


def shut_record():
    chapter("the hospital has an old record from now on")
    b = open_window(place("hospital"), *at_the_hospital())
    unlock(b)
    b.press("Patients")
    b.press_row("Diallo Awa")
    b.shown("Ce dossier n’est plus ouvert à votre lieu")
    b.shown("151/94")
    if b.shows("Nouvelle consultation"):
        raise Failure("a visit is offered in a record that is shut")
    never(b.shows("Écrire à un confrère"), "a question is offered in a record that is shut; signing it is refused")
    picture(b, "record-shut")
    b.press("Historique")
    b.shown("Demande : Téléexpertise")
    picture(b, "history-shut")
    return b


def another_passphrase(b):
    chapter("another passphrase opens the desk from now on")
    another = "cinq autres mots pris au hasard"
    b.press("Réglages")
    b.press("Changer la phrase de passe")
    b.fill("Phrase de passe actuelle", "pas la bonne phrase")
    b.fill("Nouvelle phrase de passe", another)
    b.fill("La même, encore une fois", another)
    b.press("Changer")
    b.shown("Phrase de passe fausse", role=ALERT)
    picture(b, "rekeying")
    b.refill("Phrase de passe actuelle", PASSPHRASE)
    b.press("Changer")
    b.shown("La phrase de passe est changée")
    b.press("Verrouiller")
    unlock(b)
    b.shown("Phrase de passe fausse", role=ALERT)
    b.refill("Phrase de passe", another)
    b.press("Déverrouiller")
    b.shown("Bonjour Dr Claire Petit")
    b.close()


# A disk that is full.


def full_disk():
    if os.geteuid() != 0:
        print("full disk: skipped, only root can mount a small one")
        return
    os.makedirs(DISK)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", DISK], capture_output=True, text=True)
    if mounted.returncode != 0:
        print(f"full disk: skipped, this root may not mount: {mounted.stderr.strip()}")
        return
    atexit.register(unmount)
    sign_on_a_full_disk(os.path.join(DISK, "place"))


def unmount():
    """Whatever still runs on it would hold it."""
    Window.kill_all()
    subprocess.run(["umount", DISK], check=True)


def sign_on_a_full_disk(data):
    chapter("a visit is signed on a full disk")
    who = ["--practitioner", "Dr Paul Roux", "--role", "doctor"]
    cli("--data", data, "init", "--network", "Essai", "--facility", "Cabinet du Causse", "--kind", "clinic", *who)
    cli("--data", data, "patient", "create", "--family", "Vidal", "--given", "Jean", "--birth-date", "1950-01-02", "--sex", "male")
    a = open_window(data, unlocked=True)
    a.press("Patients")
    a.press_row("Vidal Jean")
    a.press("Nouvelle consultation")
    a.fill("Motif", "Chute")
    a.fill("Pouls (/min)", "78")
    a.fill("Note", NOTE)
    a.shown("Brouillon enregistré")
    filler = os.path.join(DISK, "filler")
    fill_up(filler, data)
    a.press("Signer et enregistrer")
    # The draft is kept again and again: its word may come before the visit's, and before this one is pressed.
    about_draft = lambda said: said.startswith("Le brouillon")  # noqa: E731
    until(lambda: any(not about_draft(said) for said in full(a)), "it is said that the visit isn't signed")
    picture(a, "disk-full")
    still_typed(a, "Chute", "78", NOTE)
    # Not even the draft can be kept now: that has to be said, too.
    a.fill("Note", MORE)
    until(lambda: any(about_draft(said) for said in full(a)), "it is said that the draft isn't kept")
    picture(a, "disk-full-draft")
    never(any(DISK in said for said in alerts(a)), "a folder's name stands where a sentence should")
    never(a.shows("Brouillon enregistré"), "it still says that the draft is saved")
    still_typed(a, "Chute", "78", NOTE + MORE)
    os.remove(filler)
    a.press("Signer et enregistrer")
    a.shown("Consultation signée, enregistrée sur cet appareil")
    picture(a, "disk-free-again")
    a.close()
    signed_once(data)


def full(window):
    return {said for said in alerts(window) if "disque est plein" in said}


def alerts(window):
    return {s.name for s in window.look() if s.role == ALERT}


def still_typed(window, *texts):
    for text in texts:
        if not any(s.content == text for s in window.look()):
            raise Failure(f"{text!r} has gone from the form")


def signed_once(data):
    """It is there after the window was closed: once, however often it was refused."""
    a = open_window(data, unlocked=True)
    a.press("Patients")
    a.press_row("Vidal Jean")
    a.shown("Consultation : Chute")
    a.shown(NOTE + MORE)
    visits = sum("Consultation : Chute" in (s.name or s.content) for s in a.look())
    if visits != 1:
        raise Failure(f"signed once, written {visits} times")
    a.close()


def fill_up(path, data):
    """Takes every block that is left; then the last block of the place's own files, with notes until one is refused."""
    with open(path, "wb", buffering=0) as file:
        try:
            while file.write(bytes(1 << 16)):
                pass
        except OSError:
            pass
    patient = json.loads(cli("--data", data, "--json", "patient", "search", "Vidal"))["patients"][0]["patient"]
    for _ in range(20):
        done = run_cli("--data", data, "note", "add", patient, "Le disque se remplit.")
        if done.returncode != 0:
            return
    raise Failure("the disk doesn't get full")


def main():
    os.makedirs(os.path.join(HOME, "Documents"))
    a = found()
    lock(a)
    cabin_joins()
    hospital_joins(a, *invite(a))
    a.close()
    start_carrier()
    visit()
    a = visit_again()
    correct(a)
    half_a_question(a)
    ask()
    answer()
    a = look_around(close_request())
    second_window()
    idle(a)
    another_passphrase(shut_record())
    full_disk()
    chapter(f"done: {shots} pictures in {OUT}")


def tell_what_is_shown():
    """For whoever has to find out why it failed."""
    for window in Window.all:
        if window.process.poll() is None:
            print(f"--- {window.name}", *window.told(), sep="\n", file=sys.stderr)
            picture(window, f"failed-{window.name}")


atexit.register(Window.kill_all)
try:
    main()
except Failure as failure:
    print(f"FAILED: {failure}", file=sys.stderr)
    tell_what_is_shown()
    sys.exit(1)
