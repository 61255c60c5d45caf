"""Unfinished uploads can be put away with their OneFile. The column of the constraint is computed anew."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("onefile_sync", "0021_officers_of_each_centre")]

    operations = [
        migrations.AddField(
            model_name="uploadintent",
            name="put_away_for",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="onefile_sync.tenant",
            ),
        ),
        migrations.RemoveConstraint(model_name="uploadintent", name="onefile_one_open_upload"),
        migrations.RemoveField(model_name="uploadintent", name="is_open"),
        migrations.AddField(
            model_name="uploadintent",
            name="is_open",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Case(
                    models.When(models.Q(("finished_at", None), ("put_away_for", None)), then=models.Value(True))
                ),
                output_field=models.BooleanField(null=True),
            ),
        ),
        migrations.AddConstraint(
            model_name="uploadintent",
            constraint=models.UniqueConstraint(
                fields=("is_open", "learner_type", "review_pk"), name="onefile_one_open_upload"
            ),
        ),
    ]
