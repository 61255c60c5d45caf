"""Constraints that MariaDB and MySQL have as well: they ignore a condition, so a column that the database keeps holds it.

Adds a stored column to two tables, which rewrites them.
"""

from django.db import migrations, models
from django.db.models import Count


def end_doubles(apps, schema_editor):
    """Where the database has let two workers have one learner, or two uploads one review: leave one of each."""
    alias = schema_editor.connection.alias
    outcomes = apps.get_model("onefile_sync", "LearnerOutcome").objects.using(alias)
    for double in _doubles(outcomes.filter(state="working"), "learner_pk"):
        # As if their lease had run out: whoever has them finds the claim gone, and they are worked on anew.
        outcomes.filter(**double, state="working").update(state="queued", claimed_by=None, lease_expires_at=None)
    intents = apps.get_model("onefile_sync", "UploadIntent").objects.using(alias)
    for double in _doubles(intents.filter(finished_at=None), "review_pk"):
        first, *others = sorted(
            intents.filter(**double, finished_at=None),
            key=lambda intent: (intent.review_id is None, intent.visit_id is None, intent.pk),
        )
        # The visits of the others stay without a review in OneFile: they count among those that a person is told of.
        first.visits_in_doubt += sum(other.visits_in_doubt + (other.visit_id is not None) for other in others)
        first.in_doubt_since = max(
            (intent.in_doubt_since for intent in (first, *others) if intent.in_doubt_since), default=None
        )
        first.save(update_fields=["visits_in_doubt", "in_doubt_since"])
        intents.filter(pk__in=[other.pk for other in others]).update(finished_at=first.created_at)


def _doubles(rows, key):
    counted = rows.order_by().values("learner_type", key).annotate(number=Count("pk")).filter(number__gt=1)
    return [{"learner_type": row["learner_type"], key: row[key]} for row in counted]


class Migration(migrations.Migration):
    dependencies = [
        ("contenttypes", "0002_remove_content_type_name"),
        ("onefile_sync", "0007_refused_in_a_new_visit"),
    ]

    operations = [
        migrations.RunPython(end_doubles, migrations.RunPython.noop),
        migrations.RemoveConstraint(
            model_name="learneroutcome",
            name="onefile_one_worker_per_learner",
        ),
        migrations.RemoveConstraint(
            model_name="uploadintent",
            name="onefile_one_open_upload",
        ),
        migrations.RemoveIndex(
            model_name="stagedrecord",
            name="onefile_staged_due",
        ),
        migrations.AddField(
            model_name="learneroutcome",
            name="is_working",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Case(models.When(models.Q(("state", "working")), then=models.Value(True))),
                output_field=models.BooleanField(null=True),
            ),
        ),
        migrations.AddField(
            model_name="uploadintent",
            name="is_open",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Case(models.When(models.Q(("finished_at", None)), then=models.Value(True))),
                output_field=models.BooleanField(null=True),
            ),
        ),
        migrations.AddIndex(
            model_name="stagedrecord",
            index=models.Index(fields=["due_in", "id"], name="onefile_staged_due"),
        ),
        migrations.AddConstraint(
            model_name="learneroutcome",
            constraint=models.UniqueConstraint(
                fields=("is_working", "learner_type", "learner_pk"), name="onefile_one_worker_per_learner"
            ),
        ),
        migrations.AddConstraint(
            model_name="uploadintent",
            constraint=models.UniqueConstraint(
                fields=("is_open", "learner_type", "review_pk"), name="onefile_one_open_upload"
            ),
        ),
    ]
