"""The settings that staff edit, in a single row."""

from __future__ import annotations

from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from onefile_sync import crypto
from onefile_sync.conf import deployment
from onefile_sync.secret import Secret

from .base import OwnModel


class Environment(models.TextChoices):
    """The OneFile to connect to. A customer token belongs to one environment (R26)."""

    LIVE = "live", _("Live")
    BETA = "beta", _("Beta")
    PRACTICE = "practice", _("Practice")
    SANDBOX = "sandbox", _("Sandbox (to practise on)")


class VisitType(models.TextChoices):
    """The visit type of each uploaded review (R9). OneFile's numbers for them are deployment settings."""

    NOT_SPECIFIED = "not_specified", _("Not Specified")
    REMOTE_SESSION = "remote_session", _("Remote Session")
    FACE_TO_FACE = "face_to_face", _("Face to Face")


class DemographicsMode(models.TextChoices):
    """Which side wins for the details of a person or organisation, with PICSWeb's options; see docs/rules.md."""

    NONE = "none", _("None")
    PUSH = "push", _("Push PICS Data to OneFile")
    PULL = "pull", _("Update PICS from OneFile Data")


class MatchBy(models.TextChoices):
    """How officers and organisations are known in OneFile (R15, R16)."""

    AUTOMATIC = "automatic", _("Automatic")
    ONEFILE_ID = "onefile_id", _("OneFile ID")
    MIS_VALUE = "mis_value", _("MIS Value")


class CreateMissing(models.TextChoices):
    """When an officer or employer who is not in OneFile is created there together with a learner."""

    SHOWN = "shown", _("When the window showed them")
    BULK = "bulk", _("Also for several learners at once")
    NEVER = "never", _("Never")


class Tenant(OwnModel):
    """One customer's OneFile: the data that a customer token opens at an address.

    OneFile IDs belong to a tenant; the same number is another person elsewhere. ``token_digest`` is a keyed digest of
    address and customer token. A new token of the same customer (``customer_id``) is the same tenant. ``centres`` is
    the number of centres when they were last listed.
    """

    environment = models.CharField(_("environment"), max_length=10, choices=Environment)
    address = models.TextField(_("address"))
    token_digest = models.CharField(max_length=64, unique=True)
    customer_id = models.PositiveBigIntegerField(null=True)
    centres = models.PositiveSmallIntegerField(null=True)
    known_since = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("OneFile environment")
        verbose_name_plural = _("OneFile environments")

    def __str__(self) -> str:
        return f"{self.get_environment_display()} ({self.address})"


class SettingsGroup(models.TextChoices):
    """The headings of the settings page, in order."""

    STATUS = "status", _("Integration Status")
    CONNECTION = "connection", _("Connection")
    REVIEWS = "reviews", _("Reviews")
    QUALIFICATIONS = "qualifications", _("Qualifications")
    LINKING = "linking", _("Linking")
    CREATING = "creating", _("Create in OneFile")
    SAFETY_STOP = "safety_stop", _("Safety stop")


AnyField = TypeVar("AnyField", bound="models.Field[Any, Any]")


def under(group: SettingsGroup, field: AnyField) -> AnyField:
    """Put a field on the settings page, under a heading. Fields without a heading are not on the page."""
    field.settings_group = group  # type: ignore[attr-defined]
    return field


class OneFileSettings(OwnModel):
    """The single row of settings that staff edit. Read it with :meth:`load`.

    A field that stands :func:`under` a heading is on the settings page; one with the name of a field of
    :class:`onefile_sync.sync.planning.types.Policy` reaches the rules.

    The customer token is stored encrypted, set with :meth:`set_customer_token` and never shown again. It belongs to
    the environment and address for which it was entered (``token_environment``, ``token_address``), and is sent
    nowhere else.

    ``linked_tenant`` is the OneFile whose IDs stand in PICSWeb's rows; null until that is recorded, when it is the one
    in use. While links are being moved to another, it is ``moving_to``, and nothing else runs. ``links_recorded``: at
    least one link has been recorded, so that links have to be asked for; never unset.
    """

    enabled = under(SettingsGroup.STATUS, models.BooleanField(_("Integration Enabled"), default=False))
    paused = under(
        SettingsGroup.STATUS,
        models.BooleanField(
            _("Paused"),
            default=False,
            help_text=_("Nothing new starts while this is ticked; nothing is lost."),
        ),
    )
    environment = under(
        SettingsGroup.CONNECTION,
        models.CharField(_("Environment"), max_length=10, choices=Environment, default=Environment.SANDBOX),
    )
    encrypted_customer_token = models.TextField(editable=False, blank=True, default="")
    token_environment = models.CharField(
        max_length=10, choices=Environment, editable=False, blank=True, default=""
    )
    token_address = models.TextField(editable=False, blank=True, default="")
    upload_reviews = under(
        SettingsGroup.REVIEWS, models.BooleanField(_("Upload Reviews to OneFile"), default=True)
    )
    download_reviews = under(
        SettingsGroup.REVIEWS, models.BooleanField(_("Download Reviews from OneFile"), default=True)
    )
    visit_type = under(
        SettingsGroup.REVIEWS,
        models.CharField(
            _("Visit Type for Uploaded Reviews"),
            max_length=20,
            choices=VisitType,
            default=VisitType.NOT_SPECIFIED,
        ),
    )
    skip_elements_with_units = under(
        SettingsGroup.QUALIFICATIONS,
        models.BooleanField(
            _("Ignore elements of qualifications with units"),
            default=True,
            help_text=_(
                "Total Elements and Elements Done are left alone where units are attached in PICSWeb."
            ),
        ),
    )
    match_by = under(
        SettingsGroup.LINKING,
        models.CharField(
            _("Match officers and organisations by"),
            max_length=10,
            choices=MatchBy,
            default=MatchBy.AUTOMATIC,
            help_text=_("Automatic: by MIS Value where OneFile has several centres, else by OneFile ID."),
        ),
    )
    safety_stop_percent = under(
        SettingsGroup.SAFETY_STOP,
        models.PositiveSmallIntegerField(
            _("Hold a run above this percentage of learners"),
            default=20,
            validators=[MinValueValidator(0), MaxValueValidator(100)],
            help_text=_(
                "A daily sync or a refresh of several learners is held if it would replace values of more than this "
                "percentage of the learners compared. No values are replaced until a person applies the run. 100 means "
                "that no run is ever held."
            ),
        ),
    )
    safety_stop_learners = under(
        SettingsGroup.SAFETY_STOP,
        models.PositiveIntegerField(
            _("Minimum number of learners affected"),
            default=25,
            validators=[MinValueValidator(1)],
            help_text=_(
                "A run that would replace values of fewer learners is never held, so that a few learners do not stop "
                "a small provider's sync."
            ),
        ),
    )
    create_missing = under(
        SettingsGroup.CREATING,
        models.CharField(
            _("Create people and employers"),
            max_length=10,
            choices=CreateMissing,
            default=CreateMissing.SHOWN,
            help_text=_(
                "What becomes of an assessor or a placement that a new learner needs and OneFile does not have."
            ),
        ),
    )
    send_mis_value = under(
        SettingsGroup.CREATING,
        models.BooleanField(
            _("Send Ident as MIS Value"),
            default=True,
            help_text=_("With it, PICSWeb recognises for certain what it created."),
        ),
    )
    classroom_from_main_tag = under(
        SettingsGroup.CREATING,
        models.BooleanField(
            _("Create Learner: Classroom from Main Tag"),
            default=False,
            help_text=_(
                "The learner's class is the one with the name of the Main Tag; else the centre's default."
            ),
        ),
    )
    create_classes = under(
        SettingsGroup.CREATING,
        models.BooleanField(
            _("Create classes"),
            default=False,
            help_text=_("A class that OneFile does not have is created there with the name of the Main Tag."),
        ),
    )
    additional_assessors = under(
        SettingsGroup.CREATING,
        models.CharField(
            _("Additional Assessors"),
            max_length=200,
            blank=True,
            default="",
            help_text=_(
                "Roles of officers, separated by commas. A learner's officers in these roles become additional "
                "assessors."
            ),
        ),
    )
    bulk_limit = under(
        SettingsGroup.CREATING,
        models.PositiveIntegerField(
            _("Ask again above this number of learners"),
            default=50,
            validators=[MinValueValidator(1)],
            help_text=_("To create more learners at once, a person has to type how many."),
        ),
    )
    learner_demographics = models.CharField(
        _("Update Learner Demographics Mode"),
        max_length=4,
        choices=DemographicsMode,
        default=DemographicsMode.NONE,
    )
    officer_demographics = models.CharField(
        _("Update Officer Demographics Mode"),
        max_length=4,
        choices=DemographicsMode,
        default=DemographicsMode.NONE,
    )
    organisation_demographics = models.CharField(
        _("Update Organisation Demographics Mode"),
        max_length=4,
        choices=DemographicsMode,
        default=DemographicsMode.NONE,
    )

    linked_tenant = models.ForeignKey(
        Tenant, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    moving_to = models.ForeignKey(
        Tenant, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    links_recorded = models.BooleanField(default=False, editable=False)

    class Meta:
        verbose_name = _("OneFile settings")
        verbose_name_plural = _("OneFile settings")

    def __str__(self) -> str:
        return str(_("OneFile settings"))

    def save(self, *args: object, **kwargs: object) -> None:
        self.pk = 1
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    @classmethod
    def load(cls) -> OneFileSettings:
        """The stored settings with ``linked_tenant``; the defaults if none are stored. One query."""
        return cls.objects.select_related("linked_tenant").filter(pk=1).first() or cls(pk=1)

    @classmethod
    def shown(cls) -> dict[SettingsGroup, list[str]]:
        """The names of the fields under each heading of the settings page."""
        fields: dict[SettingsGroup, list[str]] = {group: [] for group in SettingsGroup}
        for field in cls._meta.concrete_fields:
            if group := getattr(field, "settings_group", None):
                fields[group].append(field.name)
        return fields

    @property
    def additional_roles(self) -> list[str]:
        """The roles in *Additional Assessors*, each once."""
        roles = (role.strip() for role in self.additional_assessors.split(","))
        return list(dict.fromkeys(role for role in roles if role))

    @property
    def has_customer_token(self) -> bool:
        return bool(self.encrypted_customer_token)

    @property
    def customer_token(self) -> str:
        """The decrypted token, or ``""``. Raises :class:`onefile_sync.crypto.Undecipherable` if no key fits."""
        return crypto.decrypt(self.encrypted_customer_token)

    @property
    def address(self) -> str:
        """The API's address in the chosen environment; ``""`` if the installation's settings are wrong."""
        try:
            return deployment.address(self.environment)
        except (ImproperlyConfigured, KeyError):
            return ""

    @property
    def token_belongs_here(self) -> bool:
        """Whether the stored token was entered for the chosen environment at its current address."""
        here = self.environment, self.address
        return bool(self.address) and (self.token_environment, self.token_address) == here

    @classmethod
    def renew_encryption(cls) -> None:
        """Encrypt the customer token with the current key, so that older keys can be removed."""
        stored = cls.load().encrypted_customer_token
        renewed = crypto.renewed(stored)
        if renewed != stored:
            cls.objects.filter(pk=1, encrypted_customer_token=stored).update(encrypted_customer_token=renewed)

    @sensitive_variables()
    def set_customer_token(self, token: str) -> None:
        """Set the token for the chosen environment (``""`` removes it). The caller must call :meth:`save`."""
        self.encrypted_customer_token = crypto.encrypt(Secret(token.strip()))
        here = (self.environment, self.address) if self.encrypted_customer_token else ("", "")
        self.token_environment, self.token_address = here


class CentreDefaults(OwnModel):
    """The class and the placement of new learners in a centre who have none of their own. Both are OneFile's IDs."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="centre_defaults")
    centre_id = models.PositiveBigIntegerField()
    classroom_id = models.PositiveBigIntegerField(null=True)
    placement_id = models.PositiveBigIntegerField(null=True)

    class Meta:
        verbose_name = _("defaults of a centre")
        verbose_name_plural = _("defaults of centres")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "centre_id"], name="onefile_one_centre_defaults")
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.centre_id}"
