// iOS: CocoaPods `TensorFlowLiteSwift`; the pack's folder is in the app's bundle.
import Foundation
import TensorFlowLite

/// Reads the message of a picture that has the model's size already (contract: picture.resize).
final class Detector {
    private struct Contract: Decodable { let models: [Model] }
    private struct Model: Decodable { let file: String; let bits: Int; let read: Read? }
    private struct Read: Decodable { let first_bit: Int; let thresholds: [Threshold] }
    private struct Threshold: Decodable { let false_positive_rate: Double; let matching_bits: Int }

    private let model: Model
    private let interpreter: Interpreter

    init(pack: URL, file: String) throws {
        let data = try Data(contentsOf: pack.appendingPathComponent("contract.json"))
        let contract = try JSONDecoder().decode(Contract.self, from: data)
        guard let found = contract.models.first(where: { $0.file == file && $0.read != nil }) else {
            throw CocoaError(.fileNoSuchFile)
        }
        model = found
        interpreter = try Interpreter(modelPath: pack.appendingPathComponent(file).path)
        try interpreter.allocateTensors()
    }

    /// rgb: 0..1, row by row, three values a pixel. Returns one logit a bit; a bit is 1 above 0.
    func logits(_ rgb: [Float32]) throws -> [Float32] {
        try interpreter.copy(rgb.withUnsafeBytes { Data($0) }, toInputAt: 0)
        try interpreter.invoke()
        let all = try interpreter.output(at: 0).data.withUnsafeBytes { Array($0.bindMemory(to: Float32.self)) }
        let first = model.read!.first_bit
        return Array(all[first ..< first + model.bits])
    }

    /// Whether as many bits match as the false-positive rate asks for.
    func isMarked(_ logits: [Float32], expected: [Bool], rate: Double) -> Bool {
        let matching = zip(logits, expected).filter { ($0 > 0) == $1 }.count
        let fitting = model.read!.thresholds.filter { $0.false_positive_rate <= rate }
        return fitting.map(\.matching_bits).min().map { matching >= $0 } ?? false
    }
}
