"""The API operations on standards and framework templates, which give a learner learning aims."""

from __future__ import annotations

from .answers import NO_CONTENT, Answers, Call
from .entities import LEARNER, SandboxAim, SandboxStandard, SandboxTemplate, SandboxUser
from .wire import ApiRefusal, SandboxResponse, shown_title


def search_standards(answers: Answers, call: Call) -> SandboxResponse:
    """Search by centre and by title, as OneFile writes it."""
    centre, title = call.body.number("OrganisationID"), call.body.text("Title").casefold()

    def wanted(standard: SandboxStandard) -> bool:
        return (centre is None or centre in standard.organisation_ids) and title in (
            "",
            shown_title(standard, answers.switches).casefold(),
        )

    return answers.found(answers.world.standards.values(), call, wanted)


def get_standard(answers: Answers, call: Call) -> SandboxResponse:
    return answers.detail(answers.known(answers.world.standards, call.id))


def assign_standard(answers: Answers, call: Call) -> SandboxResponse:
    """Give a learner a learning aim of a standard; the answer is the learning aim's ID."""
    world, again = answers.world, answers.switches.standard_again
    standard, learner = answers.known(world.standards, call.id), _learner_in_path(answers, call)
    if learner.organisation_id not in standard.organisation_ids:
        raise ApiRefusal(400, "The learner's organisation does not have this standard.")
    present = [aim for aim in world.aims_of(learner.id) if aim.standard_id == standard.id]
    if present and again == "refused":
        raise ApiRefusal(400, "The learner has this standard already.")
    if present and again == "same aim":
        return answers.id_of(present[0])
    return answers.created(world.add_aim_of(learner.id, standard))


def search_templates(answers: Answers, call: Call) -> SandboxResponse:
    centre = call.body.number("OrganisationID")

    def wanted(template: SandboxTemplate) -> bool:
        return centre in (None, template.organisation_id)

    return answers.found(answers.world.templates.values(), call, wanted)


def assign_template(answers: Answers, call: Call) -> SandboxResponse:
    """Replace all learning aims of a learner by those of a template.

    With ``onlyChangeAssigned`` OneFile updates only learning aims that the learner has already, and so gives none.
    """
    template, learner = answers.known(answers.world.templates, call.id), _learner_in_path(answers, call)
    if learner.organisation_id != template.organisation_id:
        raise ApiRefusal(400, "The learner belongs to another organisation.")
    if not call.only_assigned:
        for aim in answers.world.aims_of(learner.id):
            del answers.world.aims[aim.id]
        give_aims_of(answers, learner, template)
    answers.world.writes += 1
    return NO_CONTENT


def give_aims_of(answers: Answers, learner: SandboxUser, template: SandboxTemplate) -> list[SandboxAim]:
    """Give the learner a learning aim of each standard of the template, with the dates of the learner's episode."""
    aims = [
        answers.world.add_aim_of(
            learner.id,
            answers.world.standards[standard_id],
            start_date=learner.start_on,
            planned_end=learner.planned_end_date,
        )
        for standard_id in template.standard_ids
        if standard_id in answers.world.standards
    ]
    for aim in aims:
        aim.created_by_api_at = answers.clock()
    return aims


def _learner_in_path(answers: Answers, call: Call) -> SandboxUser:
    learner = answers.known(answers.world.users, call.learner_id)
    if learner.role != LEARNER:
        raise ApiRefusal(400, "The user in the address is no learner.")
    return learner
