// Android: implementation("com.google.ai.edge.litert:litert:2.+"); the pack's files are assets.
import android.content.res.AssetManager
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import org.json.JSONObject

/** Reads the message of a picture that has the model's size already (contract: picture.resize). */
class Detector(assets: AssetManager, file: String, accelerator: Accelerator = Accelerator.CPU) {
    private val contract = JSONObject(assets.open("contract.json").bufferedReader().readText())
        .getJSONArray("models").let { models ->
            (0 until models.length()).map(models::getJSONObject).first { it.getString("file") == file }
        }
    private val firstBit = contract.getJSONObject("read").getInt("first_bit")
    private val bits = contract.getInt("bits")
    private val model = CompiledModel.create(assets, file, CompiledModel.Options(accelerator))
    private val inputs = model.createInputBuffers()
    private val outputs = model.createOutputBuffers()

    /** rgb: 0..1, row by row, three values a pixel. Returns one logit a bit; a bit is 1 above 0. */
    fun logits(rgb: FloatArray): FloatArray {
        inputs[0].writeFloat(rgb)
        model.run(inputs, outputs)
        return outputs[0].readFloat().copyOfRange(firstBit, firstBit + bits)
    }

    /** Whether as many bits match as the false-positive rate asks for. */
    fun isMarked(logits: FloatArray, expected: BooleanArray, rate: Double): Boolean {
        val rows = contract.getJSONObject("read").getJSONArray("thresholds")
        val least = (0 until rows.length()).map(rows::getJSONObject)
            .filter { it.getDouble("false_positive_rate") <= rate }.minOf { it.getInt("matching_bits") }
        return logits.indices.count { (logits[it] > 0f) == expected[it] } >= least
    }
}
